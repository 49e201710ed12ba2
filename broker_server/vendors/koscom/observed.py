"""How KOSCOM names its operations and what became of a call, for metrics and traces."""

from __future__ import annotations

from broker_server.vendors.http import HttpResponse
from broker_server.vendors.koscom.envelopes import Failure, read_answer
from broker_server.vendors.observed_http import OK
from broker_server.vendors.verdicts import UnreadableAnswer

_LONGEST_REFUSAL = 2_000
"""Bytes. An assumption: a refusal is a code and a sentence; what is longer carries data."""


class KoscomWire:
    """Reads the names; see `broker_server.vendors.observed_http.Wire`.

    No header names an operation: the last word of the path does, such as ``price`` or ``selectivemaster``.
    """

    operation_header = ""

    def code(self, response: HttpResponse) -> str:
        """KOSCOM's code, wherever a refusal has one: in which of its shapes they come is not published."""
        body = response.body
        if response.status == 200 and not _may_refuse(body):
            return OK if body.startswith(b"{") else ""
        try:
            answer = read_answer(response)
        except UnreadableAnswer:
            return ""
        return answer.code if isinstance(answer, Failure) else OK


def _may_refuse(body: bytes) -> bool:
    return len(body) <= _LONGEST_REFUSAL and (b'"error"' in body or b'"code"' in body)
