"""``broker-server check``: tries every configured connection and credential."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from pika.exceptions import AMQPError

from broker_server.amqp.connection import LoginRefused, connect
from broker_server.amqp.environment import marker_queue
from broker_server.amqp.topology import consumer_count
from broker_server.app import make_vendors
from broker_server.core.vendor import CheckResult
from broker_server.journal.database import JournalError, open_database
from broker_server.settings import Settings, SettingsError, data_folder


def check(settings: Settings) -> Iterator[CheckResult]:
    """Try one thing after the other; each result comes as soon as it is known."""
    yield _check_broker(settings)
    yield _check_journal(settings)
    if missing := _missing_of_kis(settings):
        yield CheckResult("kis settings", passed=False, detail=missing)
        return
    try:
        vendors = make_vendors(settings, simulated=False, cache_folder=data_folder() / "kis")
    except (SettingsError, ValueError) as error:
        yield CheckResult("settings", passed=False, detail=str(error))
        return
    for vendor in vendors:
        try:
            yield from vendor.check()
        finally:
            vendor.close()


def verdict(results: Sequence[CheckResult]) -> str:
    """The last line: what to do after these results."""
    failed = sum(not result.passed for result in results)
    if failed:
        return f"{failed} of {len(results)} checks failed: correct .env (see .env.example), then check again"
    return f"all {len(results)} checks passed: start the worker with broker-server run"


def _missing_of_kis(settings: Settings) -> str:
    if "kis" not in settings.vendors:
        return ""
    pair = {"KIS_APP_KEY": settings.kis_app_key, "KIS_APP_SECRET": settings.kis_app_secret}
    missing = [name for name, value in pair.items() if value is None]
    if not missing:
        return ""
    account = "" if settings.kis_account else "; balance and orders need KIS_ACCOUNT too"
    verb = "is" if len(missing) == 1 else "are"
    return f"{' and '.join(missing)} {verb} not set: put your KIS key pair into .env{account}"


def _check_broker(settings: Settings) -> CheckResult:
    if settings.broker_url is None:
        return CheckResult(
            "RabbitMQ",
            passed=False,
            detail="BROKER_URL is not set: put the address of your RabbitMQ into .env",
        )
    url = settings.broker_url.get_secret_value()
    try:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            detail = runner.run(_look_at_broker(url, settings.kis_environment or "paper"))
    except (AMQPError, LoginRefused, OSError) as error:
        return CheckResult("RabbitMQ", passed=False, detail=str(error) or repr(error))
    return CheckResult("RabbitMQ", passed=True, detail=detail)


async def _look_at_broker(url: str, environment: str) -> str:
    connection = await connect(url, name="broker-server check")
    try:
        workers = await consumer_count(connection, marker_queue(environment))
    finally:
        connection.close()
    return f"connected; {serving(workers or 0, environment)}"


def serving(workers: int, environment: str) -> str:
    """How many workers serve an environment, in words."""
    if not workers:
        return f"no {environment} worker serves it yet"
    noun = "worker serves" if workers == 1 else "workers serve"
    return f"{workers} {environment} {noun} it now"


def _check_journal(settings: Settings) -> CheckResult:
    url = settings.journal_url or f"sqlite:///{data_folder() / 'journal.sqlite3'}"
    try:
        open_database(url).dispose()
    except JournalError as error:
        return CheckResult("journal", passed=False, detail=str(error))
    return CheckResult("journal", passed=True, detail="can be opened and written")
