"""``python -m broker_server.vendors.kiwoom.openapi_plus [command …]``: keep the Kiwoom worker running."""

from __future__ import annotations

import sys

from broker_server.vendors.kiwoom.openapi_plus.host import WORKER, supervise

if __name__ == "__main__":
    raise SystemExit(supervise(sys.argv[1:] or WORKER))
