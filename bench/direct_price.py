"""``requests`` straight to the simulator: what ``kis.get-current-price`` is measured against."""

from __future__ import annotations

import statistics
import time

import requests


class DirectPrice:
    """The same call that the adapter makes, by hand.

    Args:
        rest_url: The simulator.
        keys: ``app_key`` and ``app_secret``.
    """

    def __init__(self, rest_url: str, keys: dict[str, str]) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._url = f"{rest_url}/uapi/domestic-stock/v1/quotations/inquire-price"
        token = self._session.post(
            f"{rest_url}/oauth2/tokenP",
            json={
                "grant_type": "client_credentials",
                "appkey": keys["app_key"],
                "appsecret": keys["app_secret"],
            },
            timeout=10,
        ).json()["access_token"]
        self._headers = {
            "authorization": f"Bearer {token}",
            "appkey": keys["app_key"],
            "appsecret": keys["app_secret"],
            "tr_id": "FHKST01010100",
            "custtype": "P",
        }

    def median_ms(self, calls: int) -> float:
        """Median time of a call in milliseconds."""
        times = []
        for _ in range(calls):
            began = time.perf_counter()
            answer = self._session.get(
                self._url,
                params={"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"},
                headers=self._headers,
                timeout=10,
            ).json()
            times.append(time.perf_counter() - began)
            if answer["rt_cd"] != "0":
                raise RuntimeError(f"the simulator refuses: {answer}")
        return statistics.median(times) * 1000
