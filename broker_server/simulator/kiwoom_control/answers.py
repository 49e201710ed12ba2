"""The answers of the simulated TRs, from the simulated market."""

from __future__ import annotations

from broker_server.simulator.kiwoom_control.account_answers import AccountAnswers
from broker_server.simulator.kiwoom_control.answer import Answer, Inputs, Refused
from broker_server.simulator.kiwoom_control.chart_answers import ChartAnswers
from broker_server.simulator.kiwoom_control.stock_answers import StockAnswers
from broker_server.simulator.kiwoom_control.tables import trs
from broker_server.simulator.matching import Exchange


class Answers:
    """Answers TRs by their code.

    Args:
        exchange: The market and the accounts.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._by_code = {
            **StockAnswers(exchange.market).by_code,
            **ChartAnswers(exchange.market).by_code,
            **AccountAnswers(exchange).by_code,
        }

    def answer(self, code: str, inputs: Inputs) -> Answer:
        """All pages of an answer.

        Raises:
            Refused: The text says why.
        """
        make = self._by_code.get(code)
        if make is None:
            raise Refused("[00Z112] 서비스되지 않는 TR 입니다.")
        found = make(inputs)
        items = trs()[code]
        found.single = {item: found.single.get(item, "") for item in items.single} if found.single else {}
        return found
