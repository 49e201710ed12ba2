"""Takes the pictures of the page in docs/images, of the whole system on the simulated market.

Run it from the project's folder: ``PYTHONPATH=. .venv/bin/python scripts/page_screenshots.py``.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import orjson
from playwright.sync_api import Browser, expect, sync_playwright

from broker_server.amqp.private_node import PrivateNode
from broker_server.amqp.private_node.ports import free_port
from tests.support.chromium import ARGUMENTS, ensure_chromium
from tests.support.processes import ROOT, run_client, start_server

IMAGES = ROOT / "docs" / "images"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PICTURES = (
    ("gateway-desktop", "en-US", "light", DESKTOP),
    ("gateway-ko", "ko-KR", "light", DESKTOP),
    ("gateway-dark", "en-US", "dark", DESKTOP),
    ("gateway-phone", "ko-KR", "light", PHONE),
)
ORDERS = (
    ("kis.buy-order", "ticker=005930", "quantity=10", "order_type=market"),
    ("kis.sell-order", "ticker=005930", "quantity=4", "order_type=market"),
    ("kis.buy-order", "ticker=000660", "quantity=3", "order_type=limit", "price=230000"),
)
MARKET = (("005930", 75_300, 100), ("000660", 250_500, 500), ("035720", 65_900, 100))
"""Ticker, price and tick."""
TICKERS = ",".join(ticker for ticker, *_ in MARKET)
POINTS = 40


def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as folder, PrivateNode.start() as node:
        environment = {
            "BROKER_URL": node.url,
            "JOURNAL_URL": f"sqlite:///{folder}/journal.sqlite3",
            "PRICES_URL": f"sqlite:///{folder}/prices.sqlite3",
            "GATEWAY_PORT": str(free_port()),
            "XDG_DATA_HOME": folder,
        }
        os.environ.update(XDG_STATE_HOME=folder, XDG_CONFIG_HOME=folder, XDG_CACHE_HOME=folder)
        with start_server("run", "--simulate", "--gateway", environment=environment) as system:
            address = system.wait_for_line("gateway=").partition("=")[2]
            ready = system.wait_ready()
            set_market(ready, "stream", {"tick_interval": 0.1, "burst_every": 0})
            with start_server(
                "collect", "--simulate", "--tickers", TICKERS, environment=environment
            ) as collect:
                collect.wait()
            for order in ORDERS:
                run_client("call", *order, environment=environment)
            take_all(address, ready)


def take_all(address: str, ready: str) -> None:
    """Take them of the page at an address."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure_chromium(), args=list(ARGUMENTS))
        for name, locale, scheme, size in PICTURES:
            image = IMAGES / f"{name}.png"
            take(browser, address, ready, image, locale=locale, color_scheme=scheme, viewport=size)
        browser.close()


def take(browser: Browser, address: str, ready: str, image: Path, **options: Any) -> None:
    """Take one, once there is something to see."""
    page = browser.new_page(**options)
    page.goto(address)
    for step in range(POINTS):
        for place, (ticker, price, tick) in enumerate(MARKET):
            moved = price + tick * round(6 * math.sin((step + 11 * place) / 6) + step % (3 + place))
            set_market(ready, "market", {"ticker": ticker, "price": moved})
        page.wait_for_timeout(150)
    expect(page.locator("#chart-note")).to_contain_text("2026")
    expect(page.locator("#orders tbody tr")).to_have_count(len(ORDERS))
    expect(page.locator("#gaps p").first).to_contain_text("3")
    page.screenshot(path=image)
    page.close()
    sys.stdout.write(f"{image.relative_to(ROOT)}: {image.stat().st_size // 1024} KB\n")


def set_market(ready: str, path: str, settings: dict[str, object]) -> None:
    """Tell the simulator how to behave."""
    control = dict(part.partition("=")[::2] for part in ready.split())["control"]
    urllib.request.urlopen(f"{control}/{path}", orjson.dumps(settings), timeout=20).close()  # noqa: S310


if __name__ == "__main__":
    main()
