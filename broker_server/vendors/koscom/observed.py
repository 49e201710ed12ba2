"""How KOSCOM names its operations and what became of a call, for metrics and traces."""

from __future__ import annotations

from broker_server.vendors.http import HttpResponse
from broker_server.vendors.observed_http import OK


class KoscomWire:
    """Reads the names; see `broker_server.vendors.observed_http.Wire`.

    No header names an operation: the last word of the path does, such as ``price`` or ``selectivemaster``.
    """

    operation_header = ""

    def code(self, response: HttpResponse) -> str:
        """By the HTTP status: where the codes of KOSCOM's table stand is not published."""
        return OK if response.status == 200 else ""
