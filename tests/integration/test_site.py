"""The site builds without a warning and without a network, and its pages hold together."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.support.doc_pages import pages
from tests.support.processes import ROOT


class Page(HTMLParser):
    """What one page of the site has and needs.

    Attributes:
        language: Of its text.
        anchors: Its ids.
        links: Where its links lead.
        assets: What a browser loads with it.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.language: str | None = None
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.assets: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect."""
        found = {name: value for name, value in attrs if value is not None}
        if tag == "html":
            self.language = found.get("lang")
        if "id" in found:
            self.anchors.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.assets.append(found["href"])
        if "src" in found:
            self.assets.append(found["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site; the proxies that it is told of are a closed door."""
    folder = tmp_path_factory.mktemp("site")
    closed = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"),
            *("--builder", "html", "--doctree-dir", str(folder / "trees"), "--conf-dir", "docs"),
            *(".", str(folder / "html")),
        ],
        cwd=ROOT,
        env={**os.environ, **closed},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder / "html"


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in sorted(site.rglob("*.html"))}


def test_every_page_is_there(site: Path) -> None:
    for name in pages():
        assert (site / "docs" / name.replace(".md", ".html")).is_file(), name
    assert 'url=docs/index.html"' in (site / "index.html").read_text(encoding="utf-8")
    assert (site / "README.html").is_file()


def test_links_lead_to_pages_files_and_anchors(site: Path, built: dict[Path, Page]) -> None:
    broken = []
    for file, page in built.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.is_file() or (
                parts.fragment and target in built and unquote(parts.fragment) not in built[target].anchors
            ):
                broken.append(f"{file.relative_to(site)}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Path, built: dict[Path, Page]) -> None:
    loaded = [asset for page in built.values() for asset in page.assets]
    assert loaded
    assert [
        asset for asset in loaded if urlsplit(asset).netloc or urlsplit(asset).scheme not in ("", "data")
    ] == []
    for style in site.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", style.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"@import|url\(\s*['\"]?(?:https?:)?//", text), style


def test_korean_pages_say_their_language(built: dict[Path, Page]) -> None:
    for file, page in built.items():
        assert page.language == ("ko" if ".ko." in file.name else "en") or file.name == "index.html", file


def test_the_index_finds_korean_words_without_their_particles(site: Path) -> None:
    """A search for 주문 finds pages that have it as 주문을 or 주문이 alone."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    found = index["terms"]["주문"]
    names = {index["docnames"][number] for number in (found if isinstance(found, list) else [found])}
    assert {"docs/quick-start.ko", "docs/vendors/kis.ko", "docs/vendors/kiwoom.ko"} <= names
    assert "docs/quick-start" not in {name for name in names if not name.endswith(".ko")} - {"docs/index"}
