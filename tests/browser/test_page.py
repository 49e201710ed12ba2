"""The page in a real browser, on a gateway whose store the test fills."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.support.chromium import OpenPage
from tests.support.page_gateway import PageGateway


def price_of(page: Page, ticker: str) -> Locator:
    return page.locator(f'#prices tr[data-ticker="{ticker}"] .price')


def test_a_price_that_changes_is_shown_and_flashes(gateway: PageGateway, open_page: OpenPage) -> None:
    gateway.put("005930", 75_400)
    page = open_page(gateway.url)
    expect(price_of(page, "005930")).to_have_text("75,400")
    gateway.put("005930", 75_500)
    expect(price_of(page, "005930")).to_have_text("75,500")
    expect(page.locator('#prices tr[data-ticker="005930"] .flash-up')).to_have_count(1)


def test_it_lives_on_after_a_restart_of_the_gateway(
    gateway: PageGateway, open_page: OpenPage, complaints: list[str]
) -> None:
    gateway.put("005930", 75_400)
    page = open_page(gateway.url)
    expect(price_of(page, "005930")).to_have_text("75,400")
    gateway.stop()
    expect(page.locator("#banner")).to_contain_text("lost since")
    gateway.start()
    gateway.put("005930", 76_000)
    expect(price_of(page, "005930")).to_have_text("76,000")
    expect(page.locator("#banner")).to_be_hidden()
    complaints.clear()
