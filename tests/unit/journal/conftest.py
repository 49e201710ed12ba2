"""A journal on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from broker_server.journal.database import open_database


@pytest.fixture
def engine(journal_url: str) -> Iterator[Engine]:
    """An open journal with nothing in it."""
    opened = open_database(journal_url)
    yield opened
    opened.dispose()
