from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from broker_server.amqp.private_node.debian import NotInstalled
from tests.support.chromium import ARGUMENTS, OpenPage, ensure_chromium
from tests.support.page_gateway import PageGateway
from tests.support.waiting import PATIENCE

expect.set_options(timeout=1000 * PATIENCE)


# Not for the whole session: while Playwright runs, its event loop is in the way of the tests of asyncio.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, shared by the tests of a module."""
    try:
        program = ensure_chromium()
    except NotInstalled as error:
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser has to say about the page; a test that expects some empties it."""
    return []


@pytest.fixture
def open_page(browser: Browser, complaints: list[str]) -> Iterator[OpenPage]:
    """Opens pages, each for a new user; after the test nothing may be wrong with any of them."""
    contexts = []

    def open_one(url: str, **options: Any) -> Page:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "locale": "en-US"} | options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def gateway() -> Iterator[PageGateway]:
    """A gateway that needs no key."""
    with PageGateway() as gateway:
        yield gateway
