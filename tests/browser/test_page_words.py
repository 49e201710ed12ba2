"""The words of the page: both languages, Korean glyphs, what the workers tell, and the page of the API."""

from __future__ import annotations

import hashlib
import re

from playwright.sync_api import expect

from broker_server.gateway.http_page import PAGE
from tests.support.chromium import OpenPage
from tests.support.page_gateway import PageGateway

DRAWN = """(characters) => [...characters].map((each) => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  context.font = `40px ${getComputedStyle(document.documentElement).fontFamily}`;
  context.fillText(each, 0, 50);
  return canvas.toDataURL();
})"""
WORKER = {
    "worker": "desk-1",
    "environment": "simulated",
    "version": "1.2.3",
    "started_at": "2026-11-26T00:00:00.000Z",
    "halted": None,
    "tasks": {"received": 12, "succeeded": 10, "failed": {"NO_DATA": 2}},
    "lanes": {"quotes": {"waiting": 3, "running": 1}},
    "events": {"published": 4, "waiting": 0, "dropped": 0, "refused": 0},
    "streams": {
        "ticks": {"published": 100, "dropped": 0},
        "kis": {
            "wanted": 3,
            "confirmed": 2,
            "polled": 0,
            "stale": 0,
            "feed": {"capacity": 40, "sessions": [{"state": "connected", "last_failure": None}]},
        },
    },
    "vendors": {
        "kis": {
            "server": "simulator",
            "orders": "simulator",
            "token": {"state": "valid"},
            "rate_limit": {"limit_per_second": 18, "waiting": {"quote": 5}},
        },
        "kiwoom": {"backend": "openapi_plus", "state": "LOGIN_REQUIRED", "reason": "nobody has logged in"},
    },
    "away": {"koscom": {"state": None, "reason": None}},
}
ORDER = {
    "type": "order",
    "vendor": "kis",
    "task_id": "7",
    "action": "buy",
    "side": "buy",
    "ticker": "005930",
    "quantity": 1200,
    "price": "75000",
    "order_type": "limit",
    "state": "ACCEPTED",
    "status": "partially_filled",
    "filled_quantity": 200,
    "reason": "<img src=x onerror=alert(1)>",
}


def test_the_language_is_switched_and_kept(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(gateway.url, locale="en-US")
    expect(page.locator("#watchlist-title")).to_have_text("Prices")
    english = page.locator("body").inner_text()
    page.get_by_role("button", name="한국어").click()
    expect(page.locator("#watchlist-title")).to_have_text("시세")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page).to_have_title("sapi-broker 시세")
    expect(page.get_by_role("button", name="005930 삭제")).to_be_visible()
    page.reload()
    expect(page.locator("#watchlist-title")).to_have_text("시세")
    for line in english.splitlines():
        if re.fullmatch(r"[A-Z][a-z]+( [a-z]+)+\.?", line):
            assert line not in page.locator("body").inner_text().splitlines()
    page.get_by_role("button", name="English").click()
    expect(page.locator("#watchlist-title")).to_have_text("Prices")


def test_a_korean_browser_begins_in_korean_with_glyphs(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(gateway.url, locale="ko-KR")
    expect(page.locator("#watchlist-title")).to_have_text("시세")
    first, second, nothing, nothing_too = page.evaluate(DRAWN, "시세\ue123\ue124")
    assert first != second
    assert nothing == nothing_too  # what a missing glyph looks like
    assert nothing not in (first, second)


def test_both_languages_have_every_text(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(gateway.url)
    english, korean = (
        page.evaluate(f"import('/page/texts-{file}.js').then((found) => found.{name})")
        for file, name in (("en", "ENGLISH"), ("ko", "KOREAN"))
    )
    assert english.keys() == korean.keys()
    for name, text in english.items():
        assert text.strip()
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", korean[name])), name
    sources = [path.read_text("utf-8") for path in PAGE.glob("*.js") if not path.name.startswith("texts")]
    pages = [path.read_text("utf-8") for path in PAGE.glob("*.html")]
    used = {name for source in sources for name in re.findall(r'\btext\("(\w+)"', source)}
    used |= {name for source in pages for name in re.findall(r'data-i18n="(\w+)"', source)}
    assert used <= english.keys()


def test_the_tasks_of_all_workers_are_shown_the_newest_first(
    gateway: PageGateway, open_page: OpenPage
) -> None:
    def task(second: int, method: str, error: str | None) -> dict[str, object]:
        status = "TASK_FAILED" if error else "TASK_SUCCEED"
        time = f"2026-11-26T00:00:{second:02}.000Z"
        return {"task_id": f"t-{second}", "method": method, "status": status, "error": error} | {
            "seconds": 0.25,
            "time": time,
        }

    first = WORKER | {"recent": [task(3, "kis.get-balance", None), task(1, "kis.call", "VENDOR_REJECTED")]}
    second = WORKER | {"worker": "desk-2", "recent": [task(2, "koscom.query", None)]}
    gateway.take_workers(first, second)
    page = open_page(gateway.url)
    rows = page.locator("#tasks tbody tr")
    expect(rows.locator("td:nth-child(2)")).to_have_text(["kis.get-balance", "koscom.query", "kis.call"])
    expect(rows.nth(0)).to_contain_text("done")
    expect(rows.nth(0)).to_contain_text("0.250 s")
    expect(rows.nth(2)).to_contain_text("VENDOR_REJECTED")
    page.get_by_role("button", name="한국어").click()
    expect(page.locator("#tasks-title")).to_have_text("최근 작업")
    expect(rows.nth(2)).to_contain_text("실패")


def test_workers_orders_and_events_are_told_in_words(gateway: PageGateway, open_page: OpenPage) -> None:
    gateway.take_workers(
        WORKER, {"worker": None, "error": "1 of 2 workers did not answer within 1 s: desk-2"}
    )
    gateway.take_event(type="worker", state="started")
    gateway.take_event(type="stream", vendor="kis", key="trade.005930", state="interrupted", reason="cut")
    gateway.take_event(**ORDER)
    page = open_page(gateway.url)
    workers = page.locator("#workers")
    for said in (
        "running since",
        "tasks: 10 done, 2 failed, 3 waiting",
        "KIS · simulator",
        "live data: connected",
        "live subscriptions: 3 of 40",
        "not confirmed yet: 1",
        "up to 18 calls a second, 5 waiting",
        "somebody has to log in",
        "nobody has logged in",
        "KOSCOM",
        "no worker serves it now",
        "does not answer",
        "desk-2",
    ):
        expect(workers).to_contain_text(said)
    expect(page.locator("#environment")).to_have_text("simulated")
    cells = page.locator("#orders tbody tr").first.locator("td")
    expect(cells.nth(3)).to_have_text("1,200")
    expect(cells.nth(6)).to_contain_text("partially filled")
    expect(cells.nth(6)).to_contain_text("<img src=x")  # text, no markup
    events = page.locator("#events li")
    expect(events.nth(0)).to_contain_text("KIS order, buy 1,200 005930: partially filled")
    expect(events.nth(1)).to_contain_text("KIS live data of trade.005930: interrupted")
    expect(events.nth(2)).to_contain_text("Worker desk-1 has started")
    gateway.take_workers(
        WORKER | {"halted": {"since": "2026-11-26T00:00:00Z", "by": "kim", "reason": "a test"}}
    )
    expect(workers).to_contain_text("by kim")


def test_data_gaps(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(gateway.url)
    gaps = page.locator("#gaps")
    expect(gaps).to_contain_text("1 of 3 tickers are complete up to 2026-11-25.")
    expect(gaps).to_contain_text("Without any data: 035720")
    expect(gaps).to_contain_text(
        "000660 SK하이닉스: newest 2026-11-24, 1 trading day behind, 1 day missing (2026-11-02)"
    )


def test_the_key_is_asked_for_and_asked_for_again(open_page: OpenPage, complaints: list[str]) -> None:
    key = "a-key-of-some-length"
    with PageGateway(keys=[key]) as gateway:
        gateway.put("005930", 75_400)
        page = open_page(gateway.url)
        expect(page.locator("#key-why")).to_contain_text("needs a key")
        expect(page.locator("#banner")).to_be_hidden()
        expect(page.locator("#key")).to_be_focused()
        page.locator("#key").fill("another-key-of-some-length")
        page.keyboard.press("Enter")
        expect(page.locator("#key-error")).to_have_text("The gateway does not know this key.")
        page.locator("#key").fill(key)
        page.keyboard.press("Enter")
        price = page.locator('#prices tr[data-ticker="005930"] .price')
        expect(price).to_have_text("75,400")
        expect(page.locator("#key-form")).to_be_hidden()
        expect(page.locator("#chart-note")).to_contain_text("days from")
        page.reload()  # the token is kept, the key is not
        expect(price).to_have_text("75,400")
        assert key not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
        gateway.stop()
        gateway.start()  # a new secret: every token of before has come to its end
        gateway.put("005930", 75_900)
        expect(page.locator("#key-why")).to_contain_text("has expired")
        expect(page.locator("#connection")).to_have_text("key needed")
        page.locator("#key").fill(key)
        page.keyboard.press("Enter")
        expect(price).to_have_text("75,900")
        page.close()
    complaints.clear()  # of the refusals


def test_the_page_of_the_api_needs_nothing_from_elsewhere(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(gateway.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("link", name="API", exact=True).click()
    expect(page.locator("h1")).to_have_text("sapi-broker API")
    section = page.locator("#get-api-kr-stocks-ticker-realtime-price")
    expect(section).to_contain_text("change_rate")
    expect(page.locator("#operations section")).not_to_have_count(0)
    expect(page.locator("#contents")).to_contain_text("GET /healthz")
    assert asked
    assert {each for each in asked if not each.startswith((gateway.url, "data:"))} == set()


def test_every_file_of_the_page_can_be_loaded(gateway: PageGateway, open_page: OpenPage) -> None:
    page = open_page(f"{gateway.url}/docs")
    for path in sorted(PAGE.rglob("*.js")):
        name = path.relative_to(PAGE).as_posix()
        if name not in ("main.js", "docs.js"):  # these belong to their pages, which the tests open
            assert page.evaluate(f"import('/page/{name}').then((found) => Object.keys(found).length)")


def test_what_is_vendored_is_what_its_list_says() -> None:
    listed = (PAGE / "vendor" / "README.md").read_text("utf-8")
    for path in (PAGE / "vendor").glob("*.js"):
        assert path.name in listed
        assert hashlib.sha256(path.read_bytes()).hexdigest() in listed
