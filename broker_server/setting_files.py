"""Settings out of files: ``<NAME>_FILE`` names one, systemd hands some over in ``$CREDENTIALS_DIRECTORY``.

A secret in a file is in no environment that a child process, a crash report or ``docker inspect`` could show.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from broker_client.address import unreadable_file

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Set by systemd for a unit with ``LoadCredential=`` (systemd.exec(5), "Credentials")."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line that names it and says what to do."""


class _Files(PydanticBaseSettingsSource):
    def __call__(self) -> dict[str, Any]:
        """Every setting that has a file."""
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class NamedFiles(_Files):
    """The settings whose files are named: ``KIS_APP_SECRET_FILE=/run/secrets/kis_app_secret``.

    Args:
        settings_cls: Every field of it may be in a file, unless the name with ``_FILE`` is a field itself.
        variables: Where the files are named, by lower-case name.
    """

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str | None]) -> None:
        super().__init__(settings_cls)
        self._variables = variables

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One setting; ``None`` for none.

        Raises:
            SettingsError: Its file cannot be read, or it is set beside its file.
        """
        variable = f"{field_name}_file"
        path = None if variable in self.settings_cls.model_fields else self._variables.get(variable)
        if not path:
            return None, field_name, False
        if self._variables.get(field_name):
            raise SettingsError(f"{field_name.upper()} and {variable.upper()} are both set; keep one of them")
        return _content(variable.upper(), Path(path)), field_name, False


class Credentials(_Files):
    """The settings that systemd hands over: files named like the settings, in capitals or not.

    Args:
        settings_cls: Whose fields.
        folder: ``None`` for none.
    """

    def __init__(self, settings_cls: type[BaseSettings], folder: str | None) -> None:
        super().__init__(settings_cls)
        self._folder = folder

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One setting; ``None`` for none.

        Raises:
            SettingsError: Its file cannot be read.
        """
        for name in (field_name, field_name.upper()):
            path = Path(self._folder or "") / name
            if self._folder and path.is_file():
                return _content(field_name.upper(), path), field_name, False
        return None, field_name, False


def ensure_private(path: Path) -> None:
    """Make sure that not everybody on this machine may read a file of keys. Windows has no such mode.

    Raises:
        SettingsError: Everybody may.
    """
    if os.name != "posix":
        return
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # whoever reads it says what is wrong
    if stat.S_ISREG(mode) and mode & stat.S_IROTH:
        raise SettingsError(
            f"{path}: everybody on this machine may read it, and your keys are in it; run chmod 600 {path}"
        )


def _content(name: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: {unreadable_file(str(path), error)}") from None
    if not text:
        raise SettingsError(f"{name}: {path} is empty")
    return text
