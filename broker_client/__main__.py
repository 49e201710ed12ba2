"""``python -m broker_client`` is ``broker-client``."""

from broker_client.entry import main

main()
