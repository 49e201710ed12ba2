"""Queries about an account's money and holdings. Most of them pad numbers with zeros."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from broker_server.simulator.accounts import COMMISSION, Account, Holding, costs
from broker_server.simulator.clock import KST
from broker_server.simulator.kiwoom.calls import Answer, Call
from broker_server.simulator.kiwoom.codes import account_code, code_of, find
from broker_server.simulator.kiwoom.paging import paginate
from broker_server.simulator.kiwoom.tables import VENDOR
from broker_server.simulator.kiwoom.text import directed, padded, percent
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Side
from broker_server.simulator.quotes import Quote

ROWS = 20
WIDTH, NARROW = 15, 12
_MARGIN = re.compile(r"(?:profa_(?:rdex_)?)?(\d+)(?:stk_)?ord_alow_amt")
_BUYABLE = re.compile(r"profa_(?:rdex_)?(\d+)ord_alowq")


class Accounts:
    """``ka00001``, ``ka10085``, ``kt00001``, ``kt00004``, ``kt00005``, ``kt00010`` and ``kt00018``.

    Args:
        exchange: Accounts.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._market = exchange.market

    def number(self, call: Call) -> Answer:
        """``ka00001``: the key's account."""
        return Answer({"acctNo": call.owner.account})

    def deposit(self, call: Call) -> Answer:
        """``kt00001``: money now and after settlement, and what may be ordered for it."""
        call.choice("qry_tp", "2", "3")
        account = self._account(call)
        row = _padded_flat(call, WIDTH)
        row.update(self._money(account))
        row.update(_orderable(call, account, WIDTH))
        row["min_ord_alow_yn"] = "N"
        return Answer({**_of_tr(call, row), "stk_entr_prst": []})

    def balance(self, call: Call) -> Answer:
        """``kt00018``: codes with a letter before them, profits with the minus before the zeros."""
        call.choice("qry_tp", "1", "2")
        call.choice("dmst_stex_tp", "KRX", "NXT")
        account = self._account(call)
        found = self._holdings(account)
        value = sum(holding.quantity * quote.price for holding, quote in found)
        cost = sum(holding.cost for holding, _ in found)
        totals = {
            "tot_pur_amt": padded(cost, WIDTH),
            "tot_evlt_amt": padded(value, WIDTH),
            "tot_evlt_pl": padded(value - cost - sum(_selling(*each) for each in found), WIDTH),
            "tot_prft_rt": percent(value - cost, cost),
            "prsm_dpst_aset_amt": padded(value + account.cash["KRW"], WIDTH),
        }
        return self._page(call, account, {**_padded_flat(call, WIDTH), **totals}, width=WIDTH)

    def evaluation(self, call: Call) -> Answer:
        """``kt00004``: the same with the profits of the day."""
        call.choice("qry_tp", "0", "1")
        call.choice("dmst_stex_tp", "KRX", "NXT")
        account = self._account(call)
        found = self._holdings(account)
        value = sum(holding.quantity * quote.price for holding, quote in found)
        cost = sum(holding.cost for holding, _ in found)
        row = _padded_flat(call, NARROW)
        row.update(self._money(account, NARROW))
        row.update(
            acnt_nm="모의고객",
            brch_nm="키움증권",
            tot_est_amt=padded(value, NARROW),
            aset_evlt_amt=padded(value + account.cash["KRW"], NARROW),
            prsm_dpst_aset_amt=padded(value + account.cash["KRW"], NARROW),
            tot_pur_amt=padded(cost, NARROW),
            invt_bsamt=padded(cost, NARROW),
            lspft_amt=padded(cost, NARROW),
            lspft=padded(value - cost, NARROW),
            lspft_rt=percent(value - cost, cost),
        )
        return self._page(call, account, row, width=NARROW)

    def executed(self, call: Call) -> Answer:
        """``kt00005``: what is held after all executions, settled or not."""
        call.choice("dmst_stex_tp", "KRX", "NXT")
        account = self._account(call)
        found = self._holdings(account)
        value = sum(holding.quantity * quote.price for holding, quote in found)
        cost = sum(holding.cost for holding, _ in found)
        row = _padded_flat(call, NARROW)
        row.update(self._money(account, NARROW))
        row.update(_orderable(call, account, NARROW))
        row.update(
            stk_buy_tot_amt=padded(cost, NARROW),
            evlt_amt_tot=padded(value, NARROW),
            tot_pl_tot=padded(value - cost, NARROW),
            tot_pl_rt=percent(value - cost, cost),
        )
        return self._page(call, account, row, width=NARROW)

    def returns(self, call: Call) -> Answer:
        """``ka10085``: holdings without padding, prices with signs."""
        call.choice("stex_tp", "0", "1", "2")
        account = self._account(call)
        neutral = call.api.row()
        rows = []
        today = f"{self._today():%Y%m%d}"
        for holding, quote in self._holdings(account):
            known = {
                "dt": today,
                "stk_cd": code_of(holding.instrument),
                "stk_nm": holding.instrument.name,
                "cur_prc": directed(quote.price, quote.base),
                "pur_pric": str(holding.cost // holding.quantity),
                "pur_amt": str(holding.cost),
                "rmnd_qty": str(holding.quantity),
                "clrn_alow_qty": str(holding.sellable),
                "setl_remn": str(holding.quantity),
                "crd_tp": "00",
            }
            rows.append({key: known.get(key, value) for key, value in neutral.items()})
        return Answer({call.api.rows.key: rows})

    def orderable(self, call: Call) -> Answer:
        """``kt00010``: what may be bought at a price, by the margin that a stock needs."""
        account = self._account(call)
        call.choice("trde_tp", "1", "2")
        instrument = find(self._market, call.get("stk_cd")).instrument
        price = call.whole("uv") or self._market.quote(instrument).upper
        row = _padded_flat(call, NARROW)
        row.update(self._money(account, NARROW))
        row.update(_orderable(call, account, NARROW))
        for key in row:
            match = _BUYABLE.fullmatch(key)
            if match is not None:
                money = Decimal(max(0, account.free_cash("KRW"))) * 100 / int(match[1])
                row[key] = padded(int(money / (price * (1 + COMMISSION))), 10)
        quantity = call.whole("trde_qty") if call.get("trde_qty") else 0
        cost = quantity * price
        fee = costs(instrument, Side.BUY, cost)
        row.update(
            pur_amt=padded(cost, NARROW),
            cmsn=padded(fee, NARROW),
            pur_exct_amt=padded(cost + fee, NARROW),
            profa_rdex_aplc_tp="0",
        )
        return Answer(_of_tr(call, row))

    def _account(self, call: Call) -> Account:
        self._exchange.advance()
        return self._exchange.account(VENDOR, call.owner.account)

    def _today(self) -> date:
        return self._market.clock.now().astimezone(KST).date()

    def _money(self, account: Account, width: int = WIDTH) -> dict[str, str]:
        today = self._today()
        calendar = self._market.calendar("KR")
        tomorrow, after = calendar.add(today, 1), calendar.add(today, 2)
        now, next_day, last = (account.deposit("KRW", day) for day in (today, tomorrow, after))
        free = max(0, min(now, next_day, last) - account.reserved.get("KRW", 0))
        money = {
            **dict.fromkeys(("entr",), now),
            **dict.fromkeys(("d1_entra", "entr_d1"), next_day),
            **dict.fromkeys(("d2_entra", "entr_d2", "d2entra"), last),
            **dict.fromkeys(("pymn_alow_amt", "wthd_alowa", "d1_pymn_alow_amt"), free),
            **dict.fromkeys(("d2_pymn_alow_amt", "nxdy_wthd_alowa"), free),
            **dict.fromkeys(("ord_alow_amt", "ord_alowa"), account.free_cash("KRW")),
        }
        return {key: padded(value, width) for key, value in money.items()}

    def _holdings(self, account: Account) -> list[tuple[Holding, Quote]]:
        found = []
        for _, holding in sorted(account.holdings.items()):
            if holding.quantity and holding.instrument.country == "KR":
                holding.roll(self._today())
                found.append((holding, self._market.quote(holding.instrument)))
        return found

    def _page(self, call: Call, account: Account, totals: dict[str, str], *, width: int) -> Answer:
        held = self._holdings(account)
        page, next_key = paginate(held, call, ROWS, lambda each: each[0].instrument.symbol)
        value = sum(holding.quantity * quote.price for holding, quote in held)
        neutral = call.api.row()
        rows = []
        for holding, quote in page:
            known = _holding_row(holding, quote, value, width)
            rows.append({key: known.get(key, blank) for key, blank in neutral.items()})
        return Answer({**_of_tr(call, totals), call.api.rows.key: rows}, next_key)


def _holding_row(holding: Holding, quote: Quote, total: int, width: int) -> dict[str, str]:
    """One holding under the keys of all these TRs; a profit is what would be left after selling."""
    value = holding.quantity * quote.price
    selling = _selling(holding, quote)
    commission = int(value * COMMISSION)
    bought = int(holding.cost * COMMISSION)
    profit = value - holding.cost - selling
    numbers = {
        "evltv_prft": profit,
        "pl_amt": profit,
        "pur_pric": holding.cost // holding.quantity,
        "avg_prc": holding.cost // holding.quantity,
        "buy_uv": holding.cost // holding.quantity,
        "rmnd_qty": holding.quantity,
        "setl_remn": holding.quantity,
        "cur_qty": holding.quantity,
        "trde_able_qty": holding.sellable,
        "tdy_buyq": holding.bought_today,
        "tdy_sellq": holding.sold_today,
        "pred_buyq": 0,
        "pred_sellq": 0,
        "pur_amt": holding.cost,
        "pur_cmsn": bought,
        "evlt_amt": value,
        "sell_cmsn": commission,
        "tax": selling - commission,
        "sum_cmsn": bought + commission,
    }
    return {
        **{key: padded(number, width) for key, number in numbers.items()},
        "stk_cd": account_code(holding.instrument),
        "stk_nm": holding.instrument.name,
        "cur_prc": padded(quote.price, NARROW),
        "pred_close_pric": padded(quote.base, NARROW),
        "prft_rt": percent(profit, holding.cost),
        "pl_rt": percent(profit, holding.cost),
        "poss_rt": percent(value, total),
        "crd_tp": "00",
    }


def _selling(holding: Holding, quote: Quote) -> int:
    return costs(holding.instrument, Side.SELL, holding.quantity * quote.price)


def _of_tr(call: Call, row: dict[str, str]) -> dict[str, str]:
    """The values under the keys of the TR, and no others."""
    return {key: row[key] for key in call.api.flat()}


def _padded_flat(call: Call, width: int) -> dict[str, str]:
    """Every flat key of the answer; numbers padded."""
    return {key: padded(0, width) if value == "0" else value for key, value in call.api.flat().items()}


def _orderable(call: Call, account: Account, width: int) -> dict[str, str]:
    """What may be ordered with a margin of 20, 30 … percent."""
    free = max(0, account.free_cash("KRW"))
    found = {}
    for key in call.api.flat():
        match = _MARGIN.fullmatch(key)
        if match is not None:
            found[key] = padded(free * 100 // int(match[1]), width)
    return found
