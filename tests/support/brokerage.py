"""The KIS simulator as a process of its own: the brokerage of a test, its faults and its ground truth."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Literal, Self

import requests

from broker_server.simulator.process import SimulatorProcess

BUY, SELL, CHANGE = "TTTC0012U", "TTTC0011U", "TTTC0013U"
BUY_ABROAD = "TTTT1002U"
PRICE = "FHKST01010100"
LIST, OPEN_LIST, LIST_ABROAD = "TTTC0081R", "TTTC0084R", "TTTS3035R"
"""TR ids of a real key."""

ORDER_PATH = "/uapi/domestic-stock/v1/trading/order-cash"
ORDER_ABROAD_PATH = "/uapi/overseas-stock/v1/trading/order"
CONTROL_SECONDS = 60


class Brokerage:
    """A simulated brokerage. A context manager.

    Args:
        seed: Of prices and keys.

    Attributes:
        simulator: The process.
    """

    def __init__(self, seed: int = 0) -> None:
        self.simulator = SimulatorProcess.start(seed=seed)
        self.limits(rest_per_second=1000, token_interval=0)

    def settings(self, environment: Literal["real", "paper"] = "real") -> dict[str, str]:
        """What a worker needs to be its customer."""
        keys = self.simulator.credentials["kis"][environment]
        return {
            "KIS_ENVIRONMENT": environment,
            "KIS_REST_URL": self.simulator.kis_rest_url,
            "KIS_APP_KEY": keys["app_key"],
            "KIS_APP_SECRET": keys["app_secret"],
            "KIS_ACCOUNT": keys["account"],
        }

    def orders(self, ticker: str | None = None, quantity: int | None = None) -> list[dict[str, Any]]:
        """The ground truth: every order and change that it took, oldest first."""
        return [
            each
            for each in self._control("GET", "/orders")
            if ticker in (None, each["ticker"]) and quantity in (None, each["quantity"])
        ]

    def order(self, order_no: str, market: str = "domestic") -> dict[str, Any]:
        """The ground truth of the last order of that number."""
        wanted = {"market": market, "order_no": order_no}
        return [each for each in self.orders() if wanted.items() <= each.items()][-1]

    def calls(self, *trs: str) -> int:
        """How many calls of these TR ids it has received so far, of all together when none is named."""
        counts = self._control("GET", "/calls")
        return int(counts["total"] if not trs else sum(counts["trs"].get(each, 0) for each in trs))

    def fault(self, fault: str, **more: Any) -> None:
        """Spoil the next matching calls; see ``docs/simulator.md``."""
        self._control("POST", "/faults", {"fault": fault, **more})

    def hits(self) -> int:
        """How many calls the faults that are still there have met."""
        return sum(each["hits"] for each in self._control("GET", "/faults")["faults"])

    def calm(self) -> None:
        """Remove every fault."""
        self._control("DELETE", "/faults")

    def limits(self, **limits: float) -> None:
        """Put other limits in force."""
        self._control("POST", "/faults", {"limits": limits})

    def market(self, ticker: str, **change: Any) -> dict[str, Any]:
        """Move an instrument's market, or only look at it."""
        quote: dict[str, Any] = self._control("POST", "/market", {"ticker": ticker, **change})
        return quote

    def freeze(self, frozen: bool = True) -> None:
        """Stop the simulated clock, or let it run again: nothing is matched while it stands still."""
        self._control("POST", "/clock", {"freeze": frozen})

    def price(self, ticker: str) -> int:
        """The price of a domestic instrument, held there from now on."""
        price = int(self.market(ticker)["price"])
        self.market(ticker, price=price)
        return price

    def enter(self, path: str, tr: str, **body: str) -> str:
        """Enter an order of the same account as an app on a phone would; returns its number."""
        keys = self.simulator.credentials["kis"]["real"]
        number, product = keys["account"].split("-")
        secrets = {"appkey": keys["app_key"], "appsecret": keys["app_secret"]}
        login = requests.post(
            self.simulator.kis_rest_url + "/oauth2/tokenP",
            json={"grant_type": "client_credentials", **secrets},
            timeout=CONTROL_SECONDS,
        )
        login.raise_for_status()
        headers = {
            "authorization": f"Bearer {login.json()['access_token']}",
            "tr_id": tr,
            "custtype": "P",
            **secrets,
        }
        answer = requests.post(
            self.simulator.kis_rest_url + path,
            json={"CANO": number, "ACNT_PRDT_CD": product, **body},
            headers=headers,
            timeout=CONTROL_SECONDS,
        )
        answer.raise_for_status()
        document = answer.json()
        assert document["rt_cd"] == "0", document
        return str(document["output"]["ODNO"])

    def _control(self, verb: str, path: str, body: Any = None) -> Any:
        answer = requests.request(verb, self.simulator.control_url + path, json=body, timeout=CONTROL_SECONDS)
        assert answer.ok, answer.text
        return answer.json()

    def __enter__(self) -> Self:
        """Return the brokerage itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.simulator.stop()
