"""``koscom.query``: any table of KOSCOM by its name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Any

from pydantic import Field

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.vendors.koscom.endpoints import Argument, Table, table_named
from broker_server.vendors.koscom.envelopes import Answer, is_blank
from broker_server.vendors.koscom.errors import VENDOR
from broker_server.vendors.koscom.fields import split, typed
from broker_server.vendors.koscom.markets import MARKET, Markets
from broker_server.vendors.koscom.rows import by_day, by_label
from broker_server.vendors.koscom.windows import WINDOWS, Row, read_times
from broker_server.vendors.long_histories import read_back
from broker_server.vendors.periods import Interval
from broker_server.vendors.results import Part

Text = Annotated[str, Field(max_length=400)]
Code = Annotated[str, Field(max_length=40)]

_INTERVALS: Mapping[str, Interval] = {"D": "day", "W": "week", "M": "month"}
_START, _END, _CYCLE, _COUNT = "inqStrtDd", "inqEndDd", "trnsmCycleTpCd", "reqCnt"
_FIRST, _LAST = "strtTm", "endTm"


class TableParameters(Parameters):
    """What to ask KOSCOM for, in its own words.

    Attributes:
        table: One of the tables, such as ``history``; a name that is none is answered with all of them.
        arguments: By KOSCOM's names: ``{"market": "kospi", "code": "005930", "inqEndDd": "20261125"}``. Of an
            issue the market may be left out; it is then looked for.
        all_pages: Of a table with a period: every row of it, however many windows of a hundred that takes;
            else the newest hundred.
    """

    table: Annotated[str, Field(min_length=1, max_length=40)]
    arguments: Annotated[
        dict[Code, Text | int | Annotated[tuple[Code, ...], Field(max_length=100)]], Field(max_length=20)
    ] = Field(default_factory=dict)
    all_pages: bool = False


class TableRows(Part):
    """What a table says.

    Attributes:
        market: That was asked, as given or found; null where a table has none.
        rows: By KOSCOM's names of the values, the newest first where they are of a period. A number is a JSON
            number, or exact text if it has a fraction; a date is ``YYYYMMDD`` and a time ``HHMMSScc``, both
            text; what is missing is null.
        summary: What comes once beside the rows.
    """

    table: str
    market: str | None
    rows: list[Any]
    summary: dict[str, Any]


class Query:
    """The handler.

    Args:
        markets: The reads.
    """

    def __init__(self, markets: Markets) -> None:
        self._markets = markets

    def methods(self) -> list[Method[Any]]:
        """The declared method."""
        return [
            Method(
                name="koscom.query",
                vendor=VENDOR,
                kind="read",
                lane=Lane.BULK,
                summary="Any REST table of KOSCOM by its name.",
                parameters=TableParameters,
                result=TableRows,
                handler=self.query,
                reference="GET /v3/market/…",
                example={"table": "master", "arguments": {"market": "kospi", "code": "005930"}},
            )
        ]

    def query(self, parameters: TableParameters, context: TaskContext) -> Outcome:
        """One table, by one call or by as many as its period takes."""
        table = table_named(parameters.table)
        _ensure_in_order(parameters.arguments, table)
        if not parameters.all_pages:
            reading = self._markets.read(table, parameters.arguments, context=context, lane=Lane.BULK)
            return Outcome([_result(table, reading.market, reading.answer)])
        if table.pages is None:
            raise InvalidParameters(f"all_pages: {table.name} has no pages")
        if _COUNT in parameters.arguments:
            raise InvalidParameters(f"arguments: leave out {_COUNT}; all_pages asks for everything")
        return self._all_pages(table, parameters.arguments, context)

    def _all_pages(self, table: Table, arguments: Mapping[str, Argument], context: TaskContext) -> Outcome:
        given = dict(arguments)
        if _COUNT in table.query:
            given[_COUNT] = WINDOWS.rows
        address = table.address("v3", {**_first_market(table, given), **given})  # checks them all
        latest: list[Answer] = []

        def fetch(changed: Mapping[str, str]) -> list[Row]:
            reading = self._markets.read(table, {**given, **changed}, context=context, lane=Lane.BULK)
            if reading.market is not None:
                given[MARKET] = reading.market
            latest[:] = latest or [reading.answer]
            return list(reading.answer.rows(table.rows or ""))

        if table.pages == "dates":
            first, last = address.query.get(_START), address.query[_END]
            days, truncated = read_back(
                lambda end: by_day(fetch({_END: f"{end:%Y%m%d}"})),
                start=_date(first) if first else date.min,
                end=_date(last),
                interval=_INTERVALS[address.query.get(_CYCLE, "D")],
                pages=WINDOWS,
                report_progress=context.report_progress,
            )
            rows = list(days.values())
        else:
            times, truncated = read_times(
                lambda end: by_label(fetch({_LAST: f"{end:%H%M}"})),
                start=_time(address.query[_FIRST]),
                end=_time(address.query[_LAST]),
                report_progress=context.report_progress,
            )
            rows = list(times.values())
        market = given.get(MARKET)
        result = TableRows(
            table=table.name,
            market=None if market is None else str(market),
            rows=[_decoded(row) for row in reversed(rows)],
            summary=_summary(table, latest[0]) if latest else {},
        )
        return Outcome([result], truncated)


def _ensure_in_order(arguments: Mapping[str, Argument], table: Table) -> None:
    """Refuse a period that ends before it begins: KOSCOM answers such with nothing."""
    for first, last in ((_START, _END), (_FIRST, _LAST)):
        start, end = arguments.get(first), arguments.get(last)
        if last in table.query and start is not None and end is not None and _digits(start) > _digits(end):
            raise InvalidParameters(f"arguments: {first} is after {last}")


def _digits(argument: Argument) -> str:
    return str(argument).replace("-", "").replace(":", "")


def _result(table: Table, market: str | None, answer: Answer) -> TableRows:
    if table.rows is None:
        return TableRows(table=table.name, market=market, rows=[_decoded(answer.body)], summary={})
    return TableRows(
        table=table.name,
        market=market,
        rows=[_decoded(row) for row in answer.rows(table.rows)],
        summary=_summary(table, answer),
    )


def _decoded(row: Any) -> Any:
    """A record by what its fields mean; what the table of fields does not know stays as it is."""
    if not isinstance(row, Mapping):
        return row
    fields, extra = typed(split(row))
    known = {name: str(value) if _is_day(name, value) else value for name, value in fields.items()}
    return known | {each["name"]: None if is_blank(each["value"]) else each["value"] for each in extra}


def _is_day(name: str, value: Any) -> bool:
    """Whether it is a date that came as a number."""
    return name.endswith("Dd") and isinstance(value, int)


def _summary(table: Table, answer: Answer) -> dict[str, Any]:
    beside = answer.rest(table.rows or "")
    if table.bare:  # its times are HHMMSS or HHMM, other than those of the rows
        return {name: None if is_blank(value) else value for name, value in beside.items()}
    decoded: dict[str, Any] = _decoded(beside)
    return decoded


def _first_market(table: Table, arguments: Mapping[str, Argument]) -> dict[str, str]:
    """Any market, where it is to be looked for: only so that the other arguments can be checked."""
    values = table.path_values.get(MARKET)
    return {MARKET: values[0]} if values and MARKET not in arguments else {}


def _date(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _time(text: str) -> time:
    return time(int(text[:2]), int(text[2:]))
