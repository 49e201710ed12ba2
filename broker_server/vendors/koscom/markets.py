"""Reads about issues, whose market is found where the task does not name it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from broker_client.errors import TaskFailed
from broker_server.core.methods import Lane, TaskContext
from broker_server.vendors.koscom.client import KoscomClient
from broker_server.vendors.koscom.endpoints import Argument, Table
from broker_server.vendors.koscom.envelopes import Answer, is_blank
from broker_server.vendors.koscom.errors import VENDOR, NoData, UnknownIssue, unknown_issue, unreadable
from broker_server.vendors.koscom.fields import CODE, ISIN
from broker_server.vendors.koscom.values import NotReadable, code_of

MARKET, ISSUE = "market", "code"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a table said, and of which market; ``None`` where it has none."""

    market: str | None
    answer: Answer


class Markets:
    """Asks one market after the other for an issue until one knows it, and remembers which did.

    Safe to use from many threads.

    Args:
        client: The reads.
    """

    def __init__(self, client: KoscomClient) -> None:
        self._client = client
        self._found: dict[str, str] = {}

    def read(
        self, table: Table, arguments: Mapping[str, Argument], *, context: TaskContext, lane: Lane
    ) -> Reading:
        """Ask a table.

        Args:
            table: Which.
            arguments: By its names; of an issue the market may be left out.
            context: The task.
            lane: Its place in the rate limit and in the quota.

        Raises:
            UnknownIssue: No market that was asked knows it.
            TaskFailed: As `KoscomClient.read` says.
        """
        code, given = arguments.get(ISSUE), arguments.get(MARKET)
        if given is not None or not isinstance(code, str) or MARKET not in table.path_values:
            answer = self._ask(table, arguments, context, lane)
            return Reading(None if given is None else str(given), answer)
        empty: Reading | None = None
        error: TaskFailed | None = None
        for market in self._candidates(table, code):
            try:
                answer = self._ask(table, {**arguments, MARKET: market}, context, lane)
            except (UnknownIssue, NoData) as refusal:
                error = error or refusal
                continue
            if table.pages and not answer.rows(table.rows or "") and self._found.get(code) != market:
                # Nothing in that period, or an issue of another market.
                empty = empty or Reading(market, answer)
                continue
            self._found[code] = market
            return Reading(market, answer)
        if empty is not None:
            return empty
        raise error or unknown_issue(code)

    def _candidates(self, table: Table, code: str) -> Iterator[str]:
        markets = table.path_values[MARKET] or ()
        known = self._found.get(code)
        if known in markets:
            yield known
        yield from (market for market in markets if market != known)

    def _ask(
        self, table: Table, arguments: Mapping[str, Argument], context: TaskContext, lane: Lane
    ) -> Answer:
        try:
            answer = self._client.read(table, arguments, context=context, lane=lane)
        except NoData:
            if table.pages is None:
                raise
            return Answer({})  # a period in which nothing happened is no error
        code = arguments.get(ISSUE)
        if code is not None:
            _ensure_known(answer, str(code))
        if not answer.body and table.rows is None:
            raise NoData(f"KOSCOM has nothing in {table.name} for that", vendor=VENDOR)
        return answer


def _ensure_known(answer: Answer, code: str) -> None:
    if not answer.body:
        return
    names = [name for name in (CODE, ISIN) if answer.value(name) is not None]
    if answer.is_empty or (names and all(is_blank(answer.value(name)) for name in names)):
        raise unknown_issue(code)


def ensure_same_issue(answer: Answer, code: str) -> None:
    """Refuse an answer about another issue: KOSCOM's sandbox has given such.

    Raises:
        UnreadableAnswer: It is about another one.
    """
    try:
        told = code_of(answer.value(CODE))
    except NotReadable:
        told = ""
    if told is not None and told != code:
        raise unreadable(f"it is about another issue than {code}")
