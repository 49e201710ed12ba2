"""Looks through what our processes wrote for secrets and account numbers: those that tests gave them.

Every process that `tests.support.processes` starts is looked at when it has ended, with the secrets of its
settings and of the simulators; a fixture of the whole run fails when anything was found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from broker_server.simulator.kis.keys import make_credentials as kis_credentials
from broker_server.simulator.kiwoom.keys import make_credentials as kiwoom_credentials
from broker_server.trial import SIMULATOR_ACCOUNT

_SECRET_SETTINGS = re.compile(
    "(KIS|KIWOOM|KOSCOM)_(APP_KEY|APP_SECRET|API_KEY|ACCOUNT|HTS_ID|WS_APPROVAL_KEY)|GATEWAY_API_KEYS"
)
_URL_SETTINGS = ("BROKER_URL", "JOURNAL_URL")
_ACCOUNTS = re.compile(r'^\s*(?:app_key|app_secret|hts_id|account)\s*=\s*"([^"]+)"', re.MULTILINE)
_SHORTEST = 6
"""A shorter value, such as the password of RabbitMQ's guest, is an ordinary word."""

_TOKEN = re.compile(r"eyJ0eXAi[\w-]{20,}|Bearer [\w-]{20,}")
"""Of the simulated KIS, which makes new ones in each run; and any that stands in a header."""
_SEEDS = range(10)

found: list[str] = []
"""One line for each leak of this test run; the secret itself is not in it."""
looked_at: list[int] = []
"""How many lines each process wrote."""


def secrets_of(settings: Mapping[str, str]) -> set[str]:
    """Every secret and account number that a process was given.

    Args:
        settings: Its environment.
    """
    values = {value for name, value in settings.items() if _SECRET_SETTINGS.fullmatch(name)}
    for name in _URL_SETTINGS:
        if password := urlsplit(settings.get(name, "").split(",")[0]).password:
            values.add(password)
    if path := settings.get("ACCOUNTS_FILE"):
        values.update(_ACCOUNTS.findall(Path(path).read_text(encoding="utf-8", errors="replace")))
    return {form for value in values for form in forms_of(value)}


@cache
def secrets_of_simulators() -> frozenset[str]:
    """The keys and accounts of simulators with a small seed."""
    values = {SIMULATOR_ACCOUNT}
    for seed in _SEEDS:
        for pair in (*kis_credentials(seed).values(), *kiwoom_credentials(seed).values()):
            values.update((pair.app_key, pair.app_secret, pair.account))
    return frozenset(form for value in values for form in forms_of(value))


def forms_of(value: str) -> list[str]:
    """A value, and of an account number each way of writing it."""
    forms = [value]
    if re.fullmatch("[0-9]{8}-?[0-9]{2}", value):
        digits = value.replace("-", "")
        forms += [digits, f"{digits[:8]}-{digits[8:]}", digits[:8]]
    return [form for form in forms if len(form) >= _SHORTEST]


def look(lines: Iterable[str], secrets: Iterable[str]) -> None:
    """Look through the log of one process.

    Args:
        secrets: What must not be in it.
    """
    lines = list(lines)
    looked_at.append(len(lines))
    text = "\n".join(lines)
    test = os.environ.get("PYTEST_CURRENT_TEST", "?").partition(" ")[0]
    there = (re.escape(secret) for secret in sorted(secrets) if secret in text)
    # Digits that go on before or after are another number.
    patterns = [_TOKEN, *(re.compile(rf"(?<!\d){secret}(?!\d)") for secret in there)]
    found.extend(_told(test, text, leak) for pattern in patterns for leak in pattern.finditer(text))


def _told(test: str, text: str, leak: re.Match[str]) -> str:
    before = text[: leak.start()].rpartition("\n")[2][-150:]
    after = text[leak.end() :].partition("\n")[0][:50]
    return f"{test}: {before}<{leak[0][:2]}… of {len(leak[0])} characters>{after}"
