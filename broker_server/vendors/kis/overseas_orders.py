"""The account's overseas orders at KIS: the open ones, and those of a period."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from broker_server.core.methods import Lane, Outcome, TaskContext
from broker_server.vendors.account_models import OrderAction
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.account import account_arguments
from broker_server.vendors.kis.client import KisClient
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.domestic_orders import order_state
from broker_server.vendors.kis.errors import unreadable
from broker_server.vendors.kis.order_types import SIDES, overseas_exchanges
from broker_server.vendors.kis.overseas_models import OverseasOrderRecord, Processing
from broker_server.vendors.kis.values import (
    KST,
    Row,
    date_of,
    decimal_of,
    decimal_text,
    integer_of,
    moment,
    order_number,
    order_number_of,
    required_integer,
    text_of,
    time_of,
)
from broker_server.vendors.parameters import OverseasExchange

_ACTIONS: dict[str, OrderAction] = {"01": "modify", "02": "cancel"}
_STATUSES: dict[str, Processing] = {
    "접수": "received",
    "전송": "sent",
    "완료": "completed",
    "거부": "rejected",
}
_KEYS = ("FK200", "NK200")
_NIGHT_OF = {"US": timedelta(hours=4)}
"""How long after midnight there the night session of a date may go on: the American day market (10:00 to
16:00 in Korea) crosses midnight in New York, and the pre-market begins at 04:00."""


@dataclass(slots=True)
class OverseasOrders:
    """Orders as KIS lists them with their rows, and why the list may stop early."""

    orders: list[tuple[OverseasOrderRecord, Row]] = field(default_factory=list)
    truncated: str | None = None

    def outcome(
        self, *, raw: bool, ticker: str | None = None, exchange: OverseasExchange | None = None
    ) -> Outcome:
        """The records for a client, newest first."""
        records = [
            record.model_copy(update={"raw": row if raw else None})
            for record, row in self.orders
            if ticker in (None, record.ticker) and exchange in (None, record.venue)
        ]
        return Outcome(sorted(records, key=_newest_first), self.truncated)

    def find_latest(self, order_no: str) -> OverseasOrderRecord | None:
        """The order of that number if it is open, else the open one it was changed into, else itself."""
        records = sorted((record for record, _ in self.orders), key=_newest_first)
        lineage, known = {order_number(order_no)}, 0
        while known < len(lineage):
            known = len(lineage)
            for record in records:
                if record.order_no in lineage or record.original_order_no in lineage:
                    if record.remaining_quantity > 0:
                        return record
                    lineage.add(record.order_no)
        return next((record for record in records if record.order_no == order_number(order_no)), None)


class OverseasOrderList:
    """Asks KIS for orders.

    Args:
        config: The account.
        client: The calls.
        clock: What today is.
    """

    def __init__(self, config: KisConfig, client: KisClient, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._clock = clock

    def today(self) -> date:
        """Today in Korea, which is never behind an exchange's date."""
        return self._clock.now().astimezone(KST).date()

    def trading_days(self, exchange: OverseasExchange | None) -> tuple[date, date]:
        """Today at an exchange, or the earliest and the latest today of all exchanges.

        Orders carry the exchange's date: after midnight in Korea the American session is still yesterday's.
        """
        codes = overseas_exchanges()
        zones = {codes[code]["time_zone"] for code in ([exchange] if exchange else codes)}
        days = [self._clock.now().astimezone(ZoneInfo(zone)).date() for zone in zones]
        return min(days), max(days)

    def current_days(self, since: datetime | None = None) -> dict[str, date]:
        """Per exchange the date there whose sessions are on, or were last; an earlier one if since is."""
        now = self._clock.now()
        moment_of_it = now if since is None else min(now, since)
        return {
            code: (
                moment_of_it.astimezone(ZoneInfo(entry["time_zone"])).replace(tzinfo=None)
                - _NIGHT_OF.get(entry["country"], timedelta(0))
            ).date()
            for code, entry in overseas_exchanges().items()
        }

    def current_from(self, since: datetime | None = None) -> datetime:
        """From when on the orders of those dates are all that KIS received, at every exchange."""
        exchanges = overseas_exchanges()
        return max(
            (
                datetime.combine(day, time(), ZoneInfo(exchanges[code]["time_zone"]))
                + _NIGHT_OF.get(exchanges[code]["country"], timedelta(0))
            ).astimezone(KST)
            for code, day in self.current_days(since).items()
        )

    def open_orders(self, exchange: OverseasExchange, context: TaskContext, lane: Lane) -> OverseasOrders:
        """Orders with a remainder; ``NASD`` stands for all American exchanges."""
        pages = self._client.read_pages(
            "overseas_stock.inquire_nccs",
            {**account_arguments(self._config), "ovrs_excg_cd": exchange, "sort_sqn": "DS"},
            keys=_KEYS,
            context=context,
            lane=lane,
        )
        return OverseasOrders(_read(pages.rows("output")), pages.truncated)

    def history(
        self, start: date, end: date, context: TaskContext, lane: Lane, *, partial: bool = False
    ) -> OverseasOrders:
        """Orders of all exchanges entered from one local date to another."""
        everything = "" if self._config.environment == "paper" else "%"
        pages = self._client.read_pages(
            "overseas_stock.inquire_ccnl",
            {
                **account_arguments(self._config),
                "pdno": everything,
                "ord_strt_dt": f"{start:%Y%m%d}",
                "ord_end_dt": f"{end:%Y%m%d}",
                "sll_buy_dvsn": "00",
                "ccld_nccs_dvsn": "00",
                "ovrs_excg_cd": everything,
                "sort_sqn": "DS",
                "ord_dt": "",
                "ord_gno_brno": "",
                "odno": "",
            },
            keys=_KEYS,
            context=context,
            lane=lane,
            partial=partial,
        )
        return OverseasOrders(_read(pages.rows("output")), pages.truncated)

    def current(
        self, context: TaskContext, lane: Lane, *, since: datetime | None = None, partial: bool = False
    ) -> OverseasOrders:
        """Orders of all exchanges whose trading day is not over there, or was not then."""
        days = self.current_days(since)
        found = self.history(min(days.values()), self.today(), context, lane, partial=partial)
        found.orders = [
            (record, row)
            for record, row in found.orders
            if record.local_date is None or record.local_date >= days.get(record.venue, date.min)
        ]
        return found

    def find(self, order_no: str, context: TaskContext, lane: Lane) -> OverseasOrderRecord | None:
        """The order that a change or a cancel is about.

        Numbers begin anew every day, so only days that are not over are searched.
        """
        return self.current(context, lane).find_latest(order_no)


def _newest_first(record: OverseasOrderRecord) -> tuple[float, int]:
    stamp = record.time.timestamp() if isinstance(record.time, datetime) else 0.0
    return -stamp, -int(record.order_no) if record.order_no.isdecimal() else 0


def _read(rows: Iterable[Row]) -> list[tuple[OverseasOrderRecord, Row]]:
    return [(_record(row), row) for row in rows if order_number_of(row, "odno")]


def _record(row: Row) -> OverseasOrderRecord:
    side = SIDES.get(text_of(row, "sll_buy_dvsn_cd"))
    if side is None:
        raise unreadable("sll_buy_dvsn_cd is neither buy nor sell")
    quantity = required_integer(row, "ft_ord_qty")
    filled = integer_of(row, "ft_ccld_qty") or 0
    remaining = integer_of(row, "nccs_qty")
    if remaining is None:
        remaining = max(0, quantity - filled)
    average, price = decimal_of(row, "ft_ccld_unpr3"), decimal_of(row, "ft_ord_unpr3")
    rejection = text_of(row, "rjct_rson_name", "rjct_rson").strip("0 ") or None
    original = order_number_of(row, "orgn_odno")
    exchange = text_of(row, "ovrs_excg_cd")
    rejected = rejection is not None and not filled
    return OverseasOrderRecord(
        account="default",
        order_no=order_number_of(row, "odno"),
        original_order_no=original or None,
        action=_ACTIONS.get(
            text_of(row, "rvse_cncl_dvsn", "rvse_cncl_dvsn_cd"),
            "modify_or_cancel" if original else "new",
        ),
        ticker=text_of(row, "pdno"),
        name=text_of(row, "prdt_name") or None,
        side=side,
        venue=exchange,
        currency=text_of(row, "tr_crcy_cd") or _currency_of(exchange),
        quantity=quantity,
        price=decimal_text(price) if price else None,
        filled_quantity=filled,
        average_price=decimal_text(average) if average else None,
        remaining_quantity=remaining,
        state=order_state(quantity, filled=filled, remaining=remaining, rejected=rejected),
        status=_STATUSES.get(text_of(row, "prcs_stat_name")),
        rejection=rejection,
        local_date=date_of(row, "ord_dt"),
        time=_received_at(row, exchange),
    )


def _received_at(row: Row, exchange: str) -> datetime | None:
    """KIS's own time of receipt; the list of open orders has only the exchange's local one."""
    received = moment(date_of(row, "dmst_ord_dt"), time_of(row, "thco_ord_tmd"))
    day, clock_time = date_of(row, "ord_dt"), time_of(row, "ord_tmd")
    entry = overseas_exchanges().get(exchange)
    if received is not None or day is None or clock_time is None or entry is None:
        return received
    return datetime.combine(day, clock_time, ZoneInfo(entry["time_zone"])).astimezone(KST)


def _currency_of(exchange: str) -> str | None:
    entry = overseas_exchanges().get(exchange)
    return entry["currency"] if entry else None
