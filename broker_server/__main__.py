"""``python -m broker_server`` is ``broker-server``."""

from broker_server.entry import main

main()
