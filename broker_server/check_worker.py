"""What ``broker-server check`` asks of a worker that runs already, instead of using its key beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from broker_client import Client
from broker_client.errors import BrokerError, BrokerUnreachable
from broker_client.protocol import Environment
from broker_server.core.accounts import DEFAULT, AccountKey
from broker_server.core.vendor import CheckResult

ANSWER_SECONDS = 30.0
TICKER = "005930"


def ask_worker(
    url: str, environment: Environment, key: AccountKey, *, account: bool
) -> Iterator[CheckResult]:
    """Try the worker that holds an account's lease; each result comes as soon as it is known.

    Args:
        url: The broker.
        environment: Another worker's answer does not count.
        key: Which lease it holds.
        account: Whether to ask for the balance too.
    """
    vendor = key.vendor
    named: dict[str, Any] = {} if key.account == DEFAULT else {"account": key.account}
    try:
        client = Client(
            url, timeout=ANSWER_SECONDS, expected_environment=environment, name="broker-server check"
        )
    except BrokerUnreachable as error:
        yield CheckResult(f"{vendor} worker", passed=False, detail=str(error))
        return
    with client:
        name = "?"
        worker: dict[str, Any] = {}

        def status() -> str:
            nonlocal name, worker
            worker = _serving(client.call("broker.get-status").rows, key)
            name = str(worker.get("worker"))
            return f"asked the worker {name}, which holds the key and is running; {_clock_of(client)}"

        def price() -> str:
            answer = client.call(f"{vendor}.get-current-price", ticker=TICKER).first
            return f"asked the worker {name}: {TICKER} answered with {answer['price']:,}"

        def balance() -> str:
            answer = client.call(f"{vendor}.get-balance", **named).first
            return f"asked the worker {name}: balance answered with {len(answer['holdings'])} positions"

        yield _attempt(f"{vendor} worker", status)
        if not named:  # a price may be asked of any account
            yield _attempt(f"{vendor} quote", price)
        if account:
            yield _attempt(f"{vendor} account", balance)
        yield from live_data(vendor, worker, key.place)


def _attempt(item: str, trial: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(item, passed=True, detail=trial())
    except BrokerError as error:
        return CheckResult(item, passed=False, detail=f"a worker holds the key, but: {error}")


def live_data(vendor: str, status: Mapping[str, Any], place: str | None = None) -> Iterator[CheckResult]:
    """What a worker says of its connections of live data; nothing where it has none.

    One that is idle is in order: it connects when something is subscribed.

    Args:
        vendor: Whose.
        status: The worker's row of ``broker.get-status``.
        place: The account there; the vendor's default one when left out.
    """
    feed = ((status.get("streams") or {}).get(place or vendor) or {}).get("feed") or {}
    sessions = feed.get("sessions") or []
    if not sessions:
        return
    broken = [each for each in sessions if each["state"] == "refused" or each["failures"]]
    detail = "; ".join(_session(each, is_broken=each in broken) for each in sessions)
    name = status.get("worker")
    yield CheckResult(f"{vendor} live data", passed=not broken, detail=f"asked the worker {name}: {detail}")


def _session(session: Mapping[str, Any], *, is_broken: bool) -> str:
    said = f"{session['environment']} key {session['state']}"
    if is_broken:
        return f"{said}, {session['failures']} failures in a row, the last one: {session['last_failure']}"
    return f"{said}, {session['registered']} of {session['capacity']} registered"


def _serving(rows: list[dict[str, Any]], key: AccountKey) -> dict[str, Any]:
    owned = {"vendor": key.vendor, "account": key.account, "owned": True}
    serving = [row for row in rows if owned in (row.get("accounts") or [])]
    return (serving or rows)[0]


def _clock_of(client: Client) -> str:
    ping = client.ping()
    if abs(ping.skew) - ping.round_trip / 2 <= 1:
        return "its clock is this machine's"
    return f"its clock is {abs(ping.skew):.0f} s {'ahead of' if ping.skew > 0 else 'behind'} this machine's"
