"""Folders of a trial, removed with it, or by the next one when it was killed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = re.compile(r"sapi-broker-([0-9]+)-")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a private folder for as long as the block runs, and remove those of processes that are gone."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(
        prefix=f"sapi-broker-{os.getpid()}-", ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


def _sweep(parent: Path) -> None:
    for folder in parent.glob("sapi-broker-*"):
        found = _NAME.match(folder.name)
        if found is not None and not _is_alive(int(found[1])) and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process_id: int) -> bool:
    if os.name == "nt":  # a signal would end the process there
        return True
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
