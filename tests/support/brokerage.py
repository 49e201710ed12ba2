"""The KIS simulator as a process of its own: the brokerage of a test, its faults and its ground truth."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

import requests

from tests.support.simulated_brokerage import CONTROL_SECONDS, SimulatedBrokerage

BUY, SELL, CHANGE = "TTTC0012U", "TTTC0011U", "TTTC0013U"
BUY_ABROAD = "TTTT1002U"
PRICE = "FHKST01010100"
LIST, OPEN_LIST, LIST_ABROAD = "TTTC0081R", "TTTC0084R", "TTTS3035R"
"""TR ids of a real key."""

ORDER_PATH = "/uapi/domestic-stock/v1/trading/order-cash"
ORDER_ABROAD_PATH = "/uapi/overseas-stock/v1/trading/order"


class Brokerage(SimulatedBrokerage):
    """A simulated KIS; see `SimulatedBrokerage`."""

    vendor = "kis"
    order_path = "order-cash"
    unlimited = MappingProxyType({"rest_per_second": 1000, "token_interval": 0})
    own_streams = frozenset({"H0STCNI0", "H0GSCNI0"})

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

    def live_settings(self) -> dict[str, str]:
        hts_id = self.simulator.credentials["kis"]["real"]["hts_id"]
        return {"KIS_WS_URL": self.simulator.kis_ws_url, "KIS_HTS_ID": hts_id}

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
