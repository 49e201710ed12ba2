"""How KIS names its operations and what became of a call, for metrics and traces."""

from __future__ import annotations

from broker_server.vendors.http import HttpResponse
from broker_server.vendors.observed_http import OK, value_in


class KisWire:
    """Reads the names; see `broker_server.vendors.observed_http.Wire`."""

    operation_header = "tr_id"

    def code(self, response: HttpResponse) -> str:
        """``msg_cd``, or ``error_code`` of a token request."""
        result = value_in(response.body, b"rt_cd")
        if result is None:
            refused = value_in(response.body, b"error_code")
            return refused or (OK if response.status == 200 and response.body.startswith(b"{") else "")
        return OK if result == "0" else value_in(response.body, b"msg_cd") or ""
