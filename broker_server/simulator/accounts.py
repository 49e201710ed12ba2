"""Accounts of the simulated brokerages: cash per currency, holdings, settlement two business days later.

All money is in whole minor units of its currency, so that nothing is lost to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from broker_server.simulator.instruments import KRW_PER_UNIT, Instrument
from broker_server.simulator.orders import OrderRefused, Refusal, Side

STARTING_CASH = {"KRW": 10_000_000_000, "USD": 100_000_000}
"""Minor units: 10,000,000,000 won and 1,000,000 dollars."""

MINOR_UNITS = {"KRW": 1, "USD": 100, "HKD": 100, "CNY": 100, "JPY": 1, "VND": 1}

COMMISSION = Decimal("0.000140527")
"""A brokerage's online commission, taken on both sides."""

SALES_TAX = Decimal("0.0020")
"""Taken from sales of Korean shares; exchange traded products pay none."""


def won_per_minor_unit(currency: str) -> Decimal:
    """The exchange rate of one minor unit."""
    return Decimal(KRW_PER_UNIT[currency]) / MINOR_UNITS[currency]


def costs(instrument: Instrument, side: Side, amount: int) -> int:
    """Commission and tax of a trade, rounded down.

    Args:
        instrument: What was traded.
        side: Sales of Korean shares pay tax.
        amount: Price times quantity.
    """
    rate = COMMISSION
    if side is Side.SELL and instrument.country == "KR" and instrument.kind in ("stock", "preferred"):
        rate += SALES_TAX
    return int((amount * rate).to_integral_value(ROUND_FLOOR))


@dataclass(slots=True)
class Holding:
    """Shares of one instrument.

    Attributes:
        cost: What they were bought for, without commission.
        reserved: Shares in open sell orders.
        bought_today: Shares bought on ``day``; likewise ``sold_today``.
        realised: Profit of sales so far, without costs.
    """

    instrument: Instrument
    quantity: int = 0
    cost: int = 0
    reserved: int = 0
    day: date | None = None
    bought_today: int = 0
    sold_today: int = 0
    bought_amount_today: int = 0
    sold_amount_today: int = 0
    realised: int = 0

    @property
    def sellable(self) -> int:
        """Shares not in open sell orders."""
        return self.quantity - self.reserved

    def roll(self, day: date) -> None:
        """Start a new day's counts."""
        if self.day != day:
            self.day = day
            self.bought_today = self.sold_today = self.bought_amount_today = self.sold_amount_today = 0


@dataclass(slots=True)
class Settlement:
    """Money that moves on a later date; negative for purchases."""

    due: date
    currency: str
    amount: int


@dataclass(slots=True)
class Account:
    """One account.

    Attributes:
        cash: Per currency, after every trade so far (the balance once all has settled).
        reserved: Per currency, in open buy orders.
        fees: Per currency, all commission and tax paid.
    """

    vendor: str
    number: str
    cash: dict[str, int] = field(default_factory=lambda: dict(STARTING_CASH))
    reserved: dict[str, int] = field(default_factory=dict)
    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict)
    settlements: list[Settlement] = field(default_factory=list)
    fees: dict[str, int] = field(default_factory=dict)

    def free_cash(self, currency: str) -> int:
        """Money of that currency not in open orders."""
        return self.cash.get(currency, 0) - self.reserved.get(currency, 0)

    def buying_power(self, currency: str) -> int:
        """Free money, with what free won would buy of a foreign currency."""
        free = self.free_cash(currency)
        if currency != "KRW":
            free += int(Decimal(max(0, self.free_cash("KRW"))) / won_per_minor_unit(currency))
        return free

    def deposit(self, currency: str, day: date) -> int:
        """The balance that has settled by ``day``."""
        pending = sum(
            item.amount for item in self.settlements if item.currency == currency and item.due > day
        )
        return self.cash.get(currency, 0) - pending

    def holding(self, instrument: Instrument) -> Holding:
        """The holding of an instrument, made empty when there is none."""
        found = self.holdings.get(instrument.key)
        if found is None:
            found = self.holdings[instrument.key] = Holding(instrument)
        return found

    def sellable(self, instrument: Instrument) -> int:
        """Shares that may be sold."""
        found = self.holdings.get(instrument.key)
        return found.sellable if found else 0

    def reserve_cash(self, currency: str, amount: int) -> None:
        """Put money aside for a buy order, exchanging won where the currency falls short.

        Raises:
            OrderRefused: Not enough of both.
        """
        short = amount - self.free_cash(currency)
        if short > 0:
            won = int((short * won_per_minor_unit(currency)).to_integral_value(ROUND_CEILING))
            if currency == "KRW" or won > self.free_cash("KRW"):
                raise OrderRefused(Refusal.INSUFFICIENT_CASH)
            self.cash["KRW"] -= won
            self.cash[currency] = self.cash.get(currency, 0) + short
        self.reserved[currency] = self.reserved.get(currency, 0) + amount

    def release_cash(self, currency: str, amount: int) -> None:
        """Give back what a buy order no longer needs."""
        self.reserved[currency] = self.reserved.get(currency, 0) - amount

    def book(
        self, instrument: Instrument, side: Side, quantity: int, price: int, day: date, due: date
    ) -> int:
        """Book an execution.

        Args:
            instrument: What was traded.
            side: Buy or sell.
            quantity: Shares.
            price: Minor units.
            day: The trading day.
            due: When the money settles.

        Returns:
            The costs that were taken.
        """
        amount = quantity * price
        fee = costs(instrument, side, amount)
        holding = self.holding(instrument)
        holding.roll(day)
        if side is Side.BUY:
            holding.quantity += quantity
            holding.cost += amount
            holding.bought_today += quantity
            holding.bought_amount_today += amount
            change = -amount - fee
        else:
            cost = holding.cost * quantity // holding.quantity
            holding.realised += amount - cost
            holding.cost -= cost
            holding.quantity -= quantity
            holding.sold_today += quantity
            holding.sold_amount_today += amount
            change = amount - fee
        currency = instrument.currency
        self.cash[currency] = self.cash.get(currency, 0) + change
        self.fees[currency] = self.fees.get(currency, 0) + fee
        self.settlements = [item for item in self.settlements if item.due > day]
        self.settlements.append(Settlement(due, currency, change))
        return fee
