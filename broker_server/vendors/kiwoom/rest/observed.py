"""How Kiwoom's REST API names its operations and what became of a call, for metrics and traces."""

from __future__ import annotations

from broker_server.vendors.http import HttpResponse
from broker_server.vendors.kiwoom.rest.errors import code_of
from broker_server.vendors.observed_http import OK, value_in


class KiwoomWire:
    """Reads the names; see `broker_server.vendors.observed_http.Wire`."""

    operation_header = "api-id"

    def code(self, response: HttpResponse) -> str:
        """``return_code``, or the more telling one in ``return_msg``."""
        result = value_in(response.body, b"return_code")
        if result is None:
            return OK if response.status == 200 and response.body.startswith(b"{") else ""
        if result == "0" and response.status < 400:
            return OK
        return code_of(result, value_in(response.body, b"return_msg") or "")
