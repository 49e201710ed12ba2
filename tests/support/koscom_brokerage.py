"""The KOSCOM simulator as a process of its own."""

from __future__ import annotations

from types import MappingProxyType

from tests.support.simulated_brokerage import SimulatedBrokerage


class KoscomBrokerage(SimulatedBrokerage):
    """A simulated KOSCOM, which takes no orders; see `SimulatedBrokerage`."""

    vendor = "koscom"
    unlimited = MappingProxyType({"koscom_per_day": 1_000_000})

    def settings(self) -> dict[str, str]:
        """What a worker needs to be its customer, besides ``--simulate``."""
        keys = self.simulator.credentials["koscom"]["real"]
        return {
            "VENDORS": "koscom",
            "KOSCOM_REST_URL": self.simulator.koscom_rest_url,
            "KOSCOM_API_KEY": keys["api_key"],
            "KOSCOM_MEMBER_NAME": keys["member_name"],
        }

    def live_settings(self) -> dict[str, str]:
        return {"KOSCOM_WS_URL": self.simulator.koscom_ws_url}
