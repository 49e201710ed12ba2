"""Domestic real-time records as neutral events."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from broker_server.core.market_data import Index, MarketStatus, OrderBook, Session, Side, Trade
from broker_server.vendors.kis.record_fields import RecordFields
from broker_server.vendors.parameters import QuoteVenue

_VENUES: Mapping[str, QuoteVenue] = {"ST": "KRX", "NX": "NXT", "UN": "UNIFIED"}
"""By the third and fourth letter of the TR id."""
_TAKERS: Mapping[str, Side] = {"1": "buy", "5": "sell"}
"""Not in the reference; in the portal's examples the price is that of the other side's best quote."""
_SESSIONS: Mapping[str, Session] = {"1": "pre", "2": "regular", "3": "after", "5": "closing"}
_YES_OR_NO = {"Y": True, "N": False}
_LEVELS = 10
_SHARES_OF_INDEX_VOLUME = 1_000
_WON_OF_INDEX_VALUE = 1_000_000


def trade(tr_id: str, fields: RecordFields) -> Trade:
    """A trade: H0STCNT0, H0NXCNT0, H0UNCNT0, and H0STOUP0 of the former single-price session."""
    return _trade(tr_id, fields, expected=False)


def expected_trade(tr_id: str, fields: RecordFields) -> Trade:
    """What an auction would end in: H0STANC0, H0NXANC0, H0UNANC0 and H0STOAC0.

    The quantity is ``ACML_VOL``; ``CNTG_VOL`` is how it changed. The reference does not say so; in both
    examples of the portal ``ACML_TR_PBMN`` is exactly ``STCK_PRPR`` times ``ACML_VOL``.
    """
    return _trade(tr_id, fields, expected=True)


def _trade(tr_id: str, fields: RecordFields, *, expected: bool) -> Trade:
    # One TR has another name for who took.
    taker = fields.text("CCLD_DVSN") or fields.text("CNTG_CLS_CODE") or ""
    return Trade(
        vendor="kis",
        ticker=fields.required_text("MKSC_SHRN_ISCD"),
        venue=_VENUES[tr_id[2:4]],
        currency="KRW",
        time=fields.moment("STCK_CNTG_HOUR", "BSOP_DATE"),
        price=fields.money("STCK_PRPR") if expected else fields.required_money("STCK_PRPR"),
        quantity=fields.whole("ACML_VOL" if expected else "CNTG_VOL"),
        side=None if expected else _TAKERS.get(taker),
        expected=expected,
        change=fields.change("PRDY_VRSS", "PRDY_VRSS_SIGN"),
        change_rate=fields.rate("PRDY_CTRT", "PRDY_VRSS_SIGN"),
        open=fields.money("STCK_OPRC"),
        high=fields.money("STCK_HGPR"),
        low=fields.money("STCK_LWPR"),
        ask=fields.money("ASKP1"),
        bid=fields.money("BIDP1"),
        volume=None if expected else fields.whole("ACML_VOL"),
        value=None if expected else fields.whole("ACML_TR_PBMN"),
        session=_SESSIONS.get(fields.text("MARKET_CLS_CODE") or ""),
    )


def order_book(tr_id: str, fields: RecordFields) -> OrderBook:
    """A book of ten levels: H0STASP0, H0NXASP0, H0UNASP0 and H0STOAA0."""
    return OrderBook(
        vendor="kis",
        ticker=fields.required_text("MKSC_SHRN_ISCD"),
        venue=_VENUES[tr_id[2:4]],
        currency="KRW",
        time=fields.moment("BSOP_HOUR"),
        asks=fields.levels("ASKP", "ASKP_RSQN", _LEVELS),
        bids=fields.levels("BIDP", "BIDP_RSQN", _LEVELS),
        total_ask_quantity=fields.whole("TOTAL_ASKP_RSQN"),
        total_bid_quantity=fields.whole("TOTAL_BIDP_RSQN"),
        expected_price=fields.money("ANTC_CNPR"),
        expected_quantity=fields.whole("ANTC_CNQN") if fields.money("ANTC_CNPR") else None,
    )


def index(tr_id: str, fields: RecordFields) -> Index:
    """An index: H0UPCNT0, and H0UPANC0 while an auction runs.

    KIS gives volume in thousands of shares and value in millions of won. The reference does not say so; the
    portal's example tells: 63,952 and 1,650,684 twelve minutes after the opening of KOSPI.
    """
    rising, falling = fields.whole("ASCN_ISSU_CNT"), fields.whole("DOWN_ISSU_CNT")
    at_upper, at_lower = fields.whole("UPLM_ISSU_CNT") or 0, fields.whole("LSLM_ISSU_CNT") or 0
    expected = tr_id == "H0UPANC0"
    volume = None if expected else fields.whole("ACML_VOL")
    value = None if expected else fields.whole("ACML_TR_PBMN")
    change = fields.change("BSTP_NMIX_PRDY_VRSS", "PRDY_VRSS_SIGN")
    return Index(
        vendor="kis",
        ticker=fields.required_text("BSTP_CLS_CODE"),
        time=fields.moment("BSOP_HOUR"),
        value=fields.required_decimal("PRPR_NMIX"),
        expected=expected,
        change=None if change is None else Decimal(change),
        change_rate=fields.rate("PRDY_CTRT", "PRDY_VRSS_SIGN"),
        open=fields.decimal("OPRC_NMIX"),
        high=fields.decimal("NMIX_HGPR"),
        low=fields.decimal("NMIX_LWPR"),
        volume=None if volume is None else volume * _SHARES_OF_INDEX_VOLUME,
        traded_value=None if value is None else value * _WON_OF_INDEX_VALUE,
        rising=None if rising is None else rising + at_upper,
        unchanged=fields.whole("STNR_ISSU_CNT"),
        falling=None if falling is None else falling + at_lower,
    )


def market_status(tr_id: str, fields: RecordFields) -> MarketStatus:
    """The state of an issue: H0STMKO0, H0NXMKO0 and H0UNMKO0, which have no time."""
    return MarketStatus(
        vendor="kis",
        ticker=fields.required_text("MKSC_SHRN_ISCD"),
        venue=_VENUES[tr_id[2:4]],
        time=None,
        halted=_YES_OR_NO.get(fields.text("TRHT_YN") or ""),
        halt_reason=fields.text("TR_SUSP_REAS_CNTT"),
        volatility_interruption=_YES_OR_NO.get(fields.text("VI_CLS_CODE") or ""),
        phase_code=fields.text("MKOP_CLS_CODE"),
        status_code=fields.text("ISCD_STAT_CLS_CODE"),
    )
