"""Metrics of the gateway: who may read them, and what they say of the gaps."""

from __future__ import annotations

from tests.support.gateway import KEY, serve_faces


async def test_the_gaps_of_the_candles_and_the_clients_are_told() -> None:
    async with serve_faces() as faces, faces.connect() as client:
        await client.recv()
        status, text, headers = await faces.get("/internal/metrics")
        assert status == 200
        assert headers["content-type"].startswith("text/plain")
        told = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        assert told['sapi_candle_tickers{state="complete"}'] == "1.0"
        assert told['sapi_candle_tickers{state="without_data"}'] == "1.0"
        assert told['sapi_candle_tickers{state="with_gaps"}'] == "0.0"
        assert told["sapi_candle_newest_timestamp_seconds"] == "1.7702496e+09"
        assert told["sapi_gateway_clients"] == "1.0"


async def test_they_are_for_trusted_networks_or_a_key() -> None:
    async with serve_faces(keys=[KEY], trusted=["10.0.0.0/8"]) as faces:
        assert (await faces.get("/internal/metrics"))[0] == 401
        assert (await faces.get("/internal/metrics", headers={"X-API-Key": KEY}))[0] == 200
