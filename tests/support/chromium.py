"""Debian's Chromium with Korean glyphs, for the tests that look at the page as a person would."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from playwright.sync_api import Page

from broker_server.amqp.private_node.debian import ensure_package

ARGUMENTS = (
    "--no-sandbox",  # root may not have one
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
FIXTURES = frozenset({"browser", "open_page"})
"""A test that uses one of these needs Chromium."""


class OpenPage(Protocol):
    """Opens an address in a browser of a new user.

    Args:
        options: Of Playwright's ``new_context``.
    """

    def __call__(self, url: str, **options: Any) -> Page:
        """The page."""


_PROGRAMS = ("usr/bin/chromium", "usr/bin/chromium-browser", "usr/bin/google-chrome")
_FONTS = ("usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "usr/share/fonts/**/Noto*CJK*-Regular.*")


def find_chromium(root: Path = Path("/")) -> Path | None:
    """Find the program; None when there is none."""
    found = (root / place for place in _PROGRAMS)
    return next((path for path in found if os.access(path, os.X_OK)), None)


def find_korean_font(root: Path = Path("/")) -> Path | None:
    """Find a font with Korean glyphs; None when there is none."""
    return next((path for pattern in _FONTS for path in root.glob(pattern)), None)


def ensure_chromium() -> Path:
    """Find Chromium and a Korean font; what is missing of Debian's packages is installed.

    Raises:
        NotInstalled: One of them is missing and cannot be installed; one line says what to do.
    """
    otherwise = "leave out tests/browser"
    program = ensure_package(find_chromium, title="Chromium", package="chromium", otherwise=otherwise)
    ensure_package(find_korean_font, title="A Korean font", package="fonts-noto-cjk", otherwise=otherwise)
    return program
