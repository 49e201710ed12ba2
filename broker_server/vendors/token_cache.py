"""The access token on disk, so that a restart does not issue another one.

Vendors limit how often one is issued, and KIS sends its customer a message each time, so a token is worth
keeping for its whole life of a day.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import SecretStr

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, when it was issued and when it expires, both with an offset."""

    value: SecretStr
    issued_at: datetime
    expires_at: datetime


class TokenCache:
    """One token in one file, readable by its owner only.

    Args:
        folder: Made with mode 0700 if it is not there.
        vendor: Begins the file's name, and the names of the log's events.
        environment: ``paper`` or ``real``.
        identity: What the token belongs to besides; only its hash goes into the file's name.
    """

    def __init__(self, folder: Path, *, vendor: str, environment: str, identity: str) -> None:
        digest = hashlib.sha256(identity.encode()).hexdigest()[:24]
        self._folder = folder
        self._vendor = vendor
        self.path = folder / f"{vendor}-token-{environment}-{digest}.json"

    def load(self) -> Token | None:
        """The stored token; ``None`` when there is none, or when the file is not one that `save` wrote."""
        try:
            with self.path.open(encoding="utf-8") as file:
                self._tighten(file.fileno())
                document = json.load(file)
            token = Token(
                SecretStr(_text(document, "access_token")),
                datetime.fromisoformat(_text(document, "issued_at")),
                datetime.fromisoformat(_text(document, "expires_at")),
            )
            if token.issued_at.tzinfo is None or token.expires_at.tzinfo is None:
                raise ValueError("a time without an offset")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning(
                f"{self._vendor}_token_cache_ignored", file=self.path.name, reason=type(error).__name__
            )
            return None
        return token

    def _tighten(self, descriptor: int) -> None:
        """Take the file away from everybody but its owner, if others could read it."""
        if sys.platform == "win32":  # its modes say nothing of who may read
            return
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            os.fchmod(descriptor, 0o600)
            log.warning(
                f"{self._vendor}_token_cache_tightened", file=self.path.name, mode_before=f"{mode:04o}"
            )

    def save(self, token: Token) -> None:
        """Replace the file in one step. A folder that cannot be written costs a log line, not the token."""
        document = {
            "access_token": token.value.get_secret_value(),
            "issued_at": token.issued_at.isoformat(),
            "expires_at": token.expires_at.isoformat(),
        }
        try:
            descriptor, temporary = self._temporary_file()
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(document, file)
                os.replace(temporary, self.path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as error:
            log.warning(f"{self._vendor}_token_cache_not_written", file=self.path.name, reason=error.strerror)

    def why_not_kept(self) -> str | None:
        """Why a token cannot be kept here, after trying; ``None`` when it can."""
        try:
            descriptor, temporary = self._temporary_file()
            os.close(descriptor)
            os.unlink(temporary)
        except OSError as error:
            return error.strerror or type(error).__name__
        return None

    def _temporary_file(self) -> tuple[int, str]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(self._folder, 0o700)
        # mkstemp makes the file with mode 0600, which os.replace keeps.
        return tempfile.mkstemp(dir=self._folder, prefix=f".{self._vendor}-token-")


def _text(document: dict[str, object], key: str) -> str:
    value = document[key]
    if not isinstance(value, str) or not value:
        raise ValueError(key)
    return value
