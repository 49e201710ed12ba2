"""The page in a real browser, on a gateway whose store the test fills: prices, chart, keys, languages."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from broker_server.prices.model import Source
from tests.support.chromium import OpenPage
from tests.support.page_gateway import UNKNOWN_TICKER, PageGateway
from tests.support.waiting import wait_until

PHONE = {"width": 390, "height": 844}
COLORS = """() => {
  const found = new Set();
  for (const canvas of document.querySelectorAll("#chart canvas")) {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] === 255) found.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
    }
  }
  return [...found];
}"""


def row(page: Page, ticker: str) -> Locator:
    return page.locator(f'#prices tr[data-ticker="{ticker}"]')


def price(page: Page, ticker: str) -> Locator:
    return row(page, ticker).locator(".price")


def test_a_price_that_changes_is_shown_and_flashes(gateway: PageGateway, open_page: OpenPage) -> None:
    gateway.put("005930", 75_400)
    page = open_page(gateway.url)
    expect(price(page, "005930")).to_have_text("75,400")
    expect(page.locator(".flash-up, .flash-down")).to_have_count(0)
    gateway.put("005930", 75_500)
    expect(price(page, "005930")).to_have_text("75,500")
    expect(row(page, "005930").locator("td.c-price.flash-up")).to_have_count(1)
    expect(row(page, "005930").locator(".c-change")).to_have_text("+500")
    expect(row(page, "005930").locator(".c-rate")).to_have_text("+0.67%")
    gateway.put("005930", 74_000)
    expect(row(page, "005930").locator("td.c-price.flash-down .price.down")).to_have_text("74,000")
    expect(row(page, "005930").locator(".spark polyline")).to_have_attribute("points", re.compile("^0.0,"))


def test_each_price_says_where_it_comes_from_and_how_old_it_is(
    gateway: PageGateway, open_page: OpenPage
) -> None:
    old = datetime.now(UTC) - timedelta(minutes=42)
    gateway.put("005930", 75_400)
    gateway.put("000660", 250_000, source=Source.REST, vendor="kiwoom", as_of=old, halted=True)
    gateway.put(
        "035720",
        65_000,
        source=Source.DAILY_CLOSE,
        as_of=old - timedelta(days=3),
        base_date=date(2026, 11, 23),
    )
    page = open_page(gateway.url)
    expect(row(page, "005930").locator(".c-source")).to_contain_text("live · KIS")
    expect(row(page, "005930").locator(".c-age")).to_have_text(re.compile(r"^\d s$"))
    expect(row(page, "000660").locator(".c-source")).to_contain_text("REST · Kiwoom trading halted")
    expect(row(page, "000660").locator(".c-age")).to_have_text("42 min")
    expect(row(page, "035720").locator(".c-source")).to_contain_text("close of 2026-11-23 · KIS")
    expect(row(page, "035720").locator(".c-age")).to_have_text("3 d")
    gateway.silence("005930", "the stream is silent")
    expect(row(page, "005930").locator(".c-source")).to_contain_text("last live · KIS stale")
    expect(row(page, "005930").locator(".c-source")).to_contain_text("the stream is silent")
    expect(row(page, "005930")).to_contain_class("stale")


def test_it_lives_on_after_a_restart_of_the_gateway(
    gateway: PageGateway, open_page: OpenPage, complaints: list[str]
) -> None:
    gateway.put("005930", 75_400)
    page = open_page(gateway.url)
    expect(price(page, "005930")).to_have_text("75,400")
    expect(page.locator("#connection")).to_have_text("connected")
    page.evaluate("window.isTheSamePage = true")
    gateway.stop()
    expect(page.locator("#banner")).to_have_text(
        re.compile(
            r"^The connection to the gateway is lost since \d\d:\d\d:\d\d\. The prices below are not current"
        )
    )
    expect(page.locator("#connection")).to_have_text("connection lost")
    expect(page.locator("#watchlist tbody")).to_have_css("filter", "grayscale(1)")
    expect(page).to_have_title(re.compile("^connection lost"))
    gateway.start()
    gateway.put("005930", 76_000)
    expect(price(page, "005930")).to_have_text("76,000")
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#watchlist tbody")).to_have_css("filter", "none")
    gateway.put("005930", 76_100)
    expect(price(page, "005930")).to_have_text("76,100")
    assert page.evaluate("window.isTheSamePage")
    assert all("ERR_CONNECTION_REFUSED" in each or "WebSocket" in each for each in complaints), complaints
    complaints.clear()


def test_the_last_bar_of_the_chart_follows_the_price(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(gateway.url)
    expect(page.locator("#chart-note")).to_contain_text("days from 2026-")
    gateway.put("005930", 75_400)
    expect(price(page, "005930")).to_have_text("75,400")
    before = page.locator("#chart").screenshot()
    gateway.put("005930", 99_000)
    expect(price(page, "005930")).to_have_text("99,000")
    wait_until(lambda: page.locator("#chart").screenshot() != before, what="another chart")


def test_the_chart_follows_a_switch_to_dark(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(gateway.url, color_scheme="light")
    expect(page.locator("#chart-note")).to_contain_text("days from")
    wait_until(lambda: "198,40,40" in page.evaluate(COLORS), what="candles in the light red")
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: "255,122,116" in (now := page.evaluate(COLORS)) and "198,40,40" not in now)


def test_the_order_book_of_the_chosen_ticker(gateway: PageGateway, open_page: OpenPage) -> None:
    gateway.put_book("005930", best_ask=75_500)
    gateway.put_book("000660", best_ask=250_500)
    page = open_page(gateway.url)
    levels = page.locator("#book tbody .level")
    expect(levels).to_have_text([f"{each:,}" for each in range(75_900, 74_900, -100)])
    page.get_by_role("button", name="000660: show chart and order book").click()
    expect(levels.first).to_have_text("250,900")
    expect(page.locator("#chart-title")).to_have_text("Daily candles 000660")
    expect(page.locator("#topics")).to_contain_text("000660 · order book · 1 client")


def test_an_unknown_ticker_is_said_in_its_row(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(gateway.url)
    page.get_by_label("Ticker", exact=True).fill("12")
    page.keyboard.press("Enter")
    expect(page.locator("#add-error")).to_contain_text("6 to 9 digits")
    page.get_by_label("Ticker", exact=True).fill(UNKNOWN_TICKER)
    page.keyboard.press("Enter")
    expect(page.locator("#add-error")).to_be_empty()
    expect(row(page, UNKNOWN_TICKER).locator(".c-source")).to_contain_text("unknown ticker")
    expect(page.locator("#said")).to_have_text(f"{UNKNOWN_TICKER}: unknown ticker")


def test_the_keyboard_is_enough(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(gateway.url)
    press = page.keyboard.press
    press("/")
    expect(page.locator("#ticker")).to_be_focused()
    page.keyboard.type("035420")
    press("Enter")
    expect(page.locator("#chart-title")).to_have_text("Daily candles 035420")
    press("Escape")
    focused = page.locator(":focus")
    expect(focused).to_have_text("035420")
    press("Home")
    expect(focused).to_have_text("005930")
    press("ArrowDown")
    expect(focused).to_have_text("000660")
    press("Enter")
    expect(page.locator("#chart-title")).to_have_text("Daily candles 000660")
    press("Delete")
    expect(row(page, "000660")).to_have_count(0)
    expect(focused).to_have_text("035720")
    page.reload()
    expect(page.locator("#prices .name")).to_have_text(["005930", "035720", "035420"])


def test_tab_reaches_everything_and_shows_where_it_is(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(gateway.url)
    expect(row(page, "005930")).to_be_visible()
    wanted = page.locator("a:visible, button:visible, input:visible").count()
    reached = set()
    for _ in range(wanted + 10):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => {
                  const here = document.activeElement;
                  if (!here.matches("a, button, input")) return null;
                  const { outlineStyle, outlineWidth } = getComputedStyle(here);
                  if (outlineStyle !== "solid" || outlineWidth !== "3px") return "no outline: " + here.id;
                  return `${[...document.querySelectorAll("a, button, input")].indexOf(here)}`;
                }"""
            )
        )
    reached.discard(None)
    assert len(reached) == wanted
    assert not [each for each in reached if each.startswith("no outline")]


@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_a_phone_shows_source_and_age_and_scrolls_up_and_down_only(
    gateway: PageGateway, open_page: OpenPage, locale: str
) -> None:
    gateway.put("005930", 1_234_500, base_price=1_034_500)
    gateway.silence("005930", "the stream has been silent for a while, and this is a long reason for it")
    page = open_page(gateway.url, viewport=PHONE, locale=locale, has_touch=True)
    expect(price(page, "005930")).to_have_text("1,234,500")
    for part in ("name", "price", "change", "rate", "source", "age", "remove"):
        box = row(page, "005930").locator(f".c-{part}").bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= PHONE["width"], part
        assert box["height"] > 0, part
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
