"""Korean pages: their language in the HTML, and a search that finds a word without its particle.

Korean writes particles onto the word: 주문을, 주문은 and 주문이 are all "order". Sphinx's search knows whole
words of a page, so the index gets the beginnings of a Korean word too, and the search leaves the particle of
a Korean word away: 주문을 finds 주문, 주문이 and 주문합니다.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

SHORTEST = 2
"""Syllables of the shortest beginning: single ones say too little."""

_HANGUL = re.compile("[가-힣]+")

_SPLIT_QUERY = """
var splitQuery = (query) =>
  query
    .split(/[^\\p{Letter}\\p{Number}_]+/gu)
    .filter((term) => term)
    .map((term) => term.replace(/^([가-힣]{2,}?)(?:으로|에서|까지|부터|[을를은는이가의에로와과도])$/u, "$1"));
"""
"""The words of a query, without the particles of Korean ones."""


class EnglishAndKorean(SearchEnglish):
    """Sphinx's English search, whose index has the beginnings of Korean words."""

    js_splitter_code = _SPLIT_QUERY

    def split(self, input: str) -> list[str]:
        """The words of a text, and of Korean ones every beginning."""
        words = []
        for word in super().split(input):
            words.append(word)
            words += beginnings(word)
        return words


def beginnings(word: str) -> list[str]:
    """Each proper beginning of the Korean in a word, shortest first."""
    korean = _HANGUL.match(word)
    return (
        []
        if korean is None
        else [word[:end] for end in range(SHORTEST, len(korean[0]) + (korean[0] != word))]
    )


def mark_korean_pages(app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any) -> None:
    """Say the language of a page to browsers and screen readers."""
    if page.endswith(".ko"):
        context["language"] = "ko"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both with Sphinx."""
    app.add_search_language(EnglishAndKorean)
    app.connect("html-page-context", mark_korean_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
