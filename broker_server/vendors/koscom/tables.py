"""The data files of this package."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def load_data(name: str) -> Any:
    """A JSON file under ``data/``; the same object each time, not to be changed.

    Args:
        name: Such as ``fields.json``.
    """
    return json.loads((resources.files(__package__) / "data" / name).read_text(encoding="utf-8"))
