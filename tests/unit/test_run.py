"""What a worker is started with."""

from __future__ import annotations

import pytest

from broker_server import run
from broker_server.settings import Settings, load_settings


@pytest.mark.parametrize(
    ("simulate", "hours", "kept"), [(True, False, False), (True, True, True), (False, False, True)]
)
def test_only_a_simulated_market_trades_around_the_clock(
    monkeypatch: pytest.MonkeyPatch, simulate: bool, hours: bool, kept: bool
) -> None:
    def with_simulator(settings: Settings, *_: object, **__: object) -> tuple[Settings, None]:
        return settings, None

    monkeypatch.setattr(run, "with_simulator", with_simulator)
    monkeypatch.setattr(run, "simulator_instances", lambda settings: {"kis": "instance"})
    monkeypatch.setattr(run, "account_identities", lambda settings: {})
    monkeypatch.setattr(run, "make_vendors", lambda settings, **_: [])
    settings = load_settings(env_file=None, broker_url="amqp://localhost")
    with run.prepared(settings, simulate=simulate, hours=hours) as parts:
        assert parts.hours is kept, "silence outside the hours of a market proves nothing"
