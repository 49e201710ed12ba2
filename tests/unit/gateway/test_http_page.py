"""The files of the page: their headers, and that none of them needs anything from elsewhere."""

from __future__ import annotations

import re

import pytest

from broker_server.gateway.http_page import PAGE
from tests.support.gateway import serve_faces


@pytest.mark.parametrize("path", ["/", "/docs", "/page/main.js", "/page/vendor/lightweight-charts.js"])
async def test_every_file_has_the_headers_of_the_page(path: str) -> None:
    async with serve_faces() as faces:
        status, _, headers = await faces.get(path)
        assert status == 200
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-cache"


async def test_a_file_that_has_not_changed_is_not_sent_again() -> None:
    async with serve_faces() as faces:
        _, _, headers = await faces.get("/page/style.css")
        status, _, again = await faces.get("/page/style.css", headers={"If-None-Match": headers["etag"]})
        assert status == 304
        assert again["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/page/", "/page/missing.js", "/page/../http_page.py", "/page/%2e%2e/http_page.py"]
)
async def test_there_are_no_other_files(path: str) -> None:
    async with serve_faces() as faces:
        status, _, _ = await faces.get(path)
        assert status == 404


def test_nothing_comes_from_elsewhere_and_no_data_becomes_markup() -> None:
    for path in [*PAGE.glob("*.html"), *PAGE.glob("*.js"), *PAGE.glob("*.css")]:
        text = path.read_text("utf-8")
        addresses = set(re.findall(r"https?://[^\s\"'`<>)]+", text)) - {
            "https://www.tradingview.com/",  # a link, not a source
            "http://www.w3.org/2000/svg",
        }
        assert not addresses, path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), path
