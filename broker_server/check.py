"""``broker-server check``: tries every configured connection and credential."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pika.exceptions import AMQPError

from broker_client.address import describe_urls, url_list
from broker_client.errors import BrokerError, Unsupported
from broker_client.protocol import Environment
from broker_client.reasons import reason_of
from broker_client.tls import tls_guess
from broker_server.account_settings import quote_keys_of, served_accounts
from broker_server.amqp.connection import LoginRefused, closing
from broker_server.amqp.environment import EnvironmentConflict, marker_queue, refuse_others
from broker_server.amqp.hosts import BrokerHosts, NoHostAnswers
from broker_server.amqp.topology import consumer_count, is_held, owner_queue
from broker_server.check_worker import ask_worker
from broker_server.core.accounts import DEFAULT, AccountKey
from broker_server.core.feeds import Streams
from broker_server.core.vendor import CheckResult, Vendor, key_of
from broker_server.journal.database import JournalError, open_database
from broker_server.settings import Settings, SettingsError, data_folder
from broker_server.vendors import kis
from broker_server.wiring.vendors import kis_table_config, make_vendors, worker_environment

CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class BrokerLook:
    """What was seen at the broker.

    Attributes:
        held: The accounts whose lease a running worker of this environment holds.
    """

    result: CheckResult
    held: frozenset[AccountKey] = frozenset()


def check(settings: Settings) -> Iterator[CheckResult]:
    """Try one thing after the other; each result comes as soon as it is known.

    Every account is tried, and every key of ``ACCOUNTS_FILE``, whichever of them ``ACCOUNTS`` leaves to this
    worker. One whose lease a worker holds is tried through that worker: a second session would spend the
    key's rate limit, and could cost the worker its token.
    """
    try:
        environment = worker_environment(settings)
        everything = settings.model_copy(update={"accounts": None})
        accounts = served_accounts(everything)
    except SettingsError as error:
        yield CheckResult("settings", passed=False, detail=str(error))
        return
    look = look_at_broker(settings, environment, [each.key for each in accounts])
    yield look.result
    yield _check_journal(settings)
    if AccountKey("kis") in [each.key for each in accounts] and (missing := _missing_of_kis(settings)):
        yield CheckResult("kis settings", passed=False, detail=missing)
        return
    folder = data_folder() / "kis"
    try:
        vendors = make_vendors(everything, simulated=False, cache_folder=folder)
    except (SettingsError, ValueError) as error:
        yield CheckResult("settings", passed=False, detail=str(error))
        return
    for account, vendor in zip(accounts, vendors, strict=True):
        of_here = account.environment in (None, environment)
        try:
            for result in _check_vendor(
                vendor, settings, environment, asked=of_here and account.key in look.held
            ):
                item = result.item.replace(vendor.name, account.key.place, 1)
                yield replace(result, item=item)
        finally:
            vendor.close()
    if AccountKey("kis") not in look.held:
        yield from _check_quote_keys(everything, folder)


def _check_quote_keys(settings: Settings, folder: Path) -> Iterator[CheckResult]:
    """The keys that are for live quotes alone, each by itself."""
    for table in quote_keys_of(settings) if "kis" in settings.vendors else ():
        config = kis_table_config(settings, table, simulated=False, cache_folder=folder)
        vendor = kis.create(config)
        try:
            if vendor.streams is not None:
                yield _check_live_data(f"kis/{table.alias}", vendor.streams)
        finally:
            vendor.close()


def _check_vendor(
    vendor: Vendor, settings: Settings, environment: Environment, *, asked: bool
) -> Iterator[CheckResult]:
    if asked and settings.broker_url is not None:
        url = settings.broker_url.get_secret_value()
        account = bool(vendor.orders.markets)
        if vendor.name == "kis" and vendor.account == DEFAULT:
            account = settings.kis_account is not None
        yield from ask_worker(url, environment, key_of(vendor), account=account)
    else:
        results = list(vendor.check())
        yield from results
        if vendor.streams is not None and all(result.passed for result in results):
            yield _check_live_data(vendor.name, vendor.streams)


def _check_live_data(vendor: str, streams: Streams) -> CheckResult:
    item = f"{vendor} live data"
    try:
        return CheckResult(item, passed=True, detail=streams.try_out())
    except Unsupported as error:  # by the settings, as KOSCOM without its WebSocket
        return CheckResult(item, passed=True, detail=f"none: {error.message}")
    except BrokerError as error:
        return CheckResult(item, passed=False, detail=str(error))


def verdict(results: Sequence[CheckResult]) -> str:
    """The last line: what to do after these results."""
    failed = sum(not result.passed for result in results)
    if failed:
        return f"{failed} of {len(results)} checks failed: correct .env (see .env.example), then check again"
    if any(result.item.endswith(" worker") for result in results):
        return f"all {len(results)} checks passed: the worker is running"
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


def look_at_broker(
    settings: Settings, environment: Environment, accounts: Sequence[AccountKey]
) -> BrokerLook:
    """Look whether the broker can be used, and for which accounts a worker holds the lease.

    Args:
        environment: Of the settings.
        accounts: Which to look at.
    """
    if settings.broker_url is None:
        return _no_broker("BROKER_URL is not set: put the address of your RabbitMQ into .env")
    url = settings.broker_url.get_secret_value()
    try:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(_look_at_broker(url, environment, accounts))
    except (LoginRefused, EnvironmentConflict) as error:
        return _no_broker(str(error))
    except NoHostAnswers as error:
        return _no_broker(f"cannot use RabbitMQ: {error}")
    except (AMQPError, OSError) as error:
        reason = tls_guess(url_list(url)[0], reason_of(error))
        return _no_broker(f"cannot use RabbitMQ at {describe_urls(url_list(url))}: {reason}")


def _no_broker(detail: str) -> BrokerLook:
    return BrokerLook(CheckResult("RabbitMQ", passed=False, detail=detail))


async def _look_at_broker(url: str, environment: Environment, accounts: Sequence[AccountKey]) -> BrokerLook:
    connection = await BrokerHosts(url).connect(name="broker-server check")
    try:
        await refuse_others(connection, environment)
        workers = await consumer_count(connection, marker_queue(environment))
        held = [key for key in accounts if await is_held(connection, owner_queue(*key))]
    finally:
        closed = closing(connection)
        connection.close()
        await asyncio.wait({closed}, timeout=CLOSE_SECONDS)
    detail = f"connected; {serving(workers or 0, environment)}"
    return BrokerLook(CheckResult("RabbitMQ", passed=True, detail=detail), frozenset(held))


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
