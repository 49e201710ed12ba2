"""The check as a whole: what is asked for, who is asked, and the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import ValidationError

from broker_client.errors import AuthenticationFailed, InvalidParameters, TaskFailed
from broker_client.protocol import Environment
from broker_client.validation import describe_problem
from broker_server.accounts_file import all_secrets
from broker_server.check import BrokerLook, look_at_broker
from broker_server.core.accounts import DEFAULT, AccountKey
from broker_server.core.stream_requests import Registration
from broker_server.core.vendor import Vendor, key_of
from broker_server.market_sessions import load_market_sessions
from broker_server.settings import SERVED_VENDORS, Settings, SettingsError, data_folder
from broker_server.stream_check.own_key import use_key
from broker_server.stream_check.report import Report, StreamName, Wanted
from broker_server.stream_check.texts import Sight, verdict
from broker_server.stream_check.through_worker import ask_worker
from broker_server.wiring.clock import utc_now
from broker_server.wiring.vendors import make_vendors


def parse_stream(text: str) -> StreamName:
    """Read ``vendor:tr_id:tr_key``.

    Raises:
        SettingsError: It is nothing of that form.
    """
    vendor, tr_id, tr_key = ([part.strip() for part in text.split(":", 2)] + ["", ""])[:3]
    if vendor not in SERVED_VENDORS or not tr_id:
        raise SettingsError(
            "--stream: must look like kis:HDFSASP0:DNASAAPL, or like kis:H0STCNI0: for notices, without a key"
        )
    return StreamName(vendor, tr_id.upper(), tr_key or None)


def check_streams(
    settings: Settings, asked: Sequence[str], seconds: float, out: Callable[[str], None]
) -> int:
    """Check streams, through the worker that holds their vendor's key or with the key itself.

    Args:
        settings: As loaded.
        asked: What ``--stream`` names.
        seconds: How long to wait for data.
        out: Prints a line.

    Returns:
        The exit code: 0 when data of every one was decoded, else 1.

    Raises:
        SettingsError: A setting or an argument is wrong.
    """
    names = list(dict.fromkeys(parse_stream(each) for each in asked))
    report = Report(out, all_secrets(settings))
    table = load_market_sessions(settings.market_sessions_file)
    environment: Environment = settings.kis_environment or "paper"
    vendors = make_vendors(settings, simulated=False, cache_folder=data_folder() / "kis")
    # Quotes are those of the default account's connection, and so are the notices that can be named here.
    defaults = [vendor for vendor in vendors if vendor.account == DEFAULT]
    try:
        look = look_at_broker(settings, environment, [key_of(vendor) for vendor in vendors])
        # The same notices may be named with their ID and without.
        found = [_wanted(name, _of(defaults, name.vendor), look) for name in names]
        wanted = list({(each.name.vendor, each.registration): each for each in found}.values())
        report.names_streams = len(wanted) > 1
        for vendor in defaults:
            own = [each for each in wanted if each.name.vendor == vendor.name]
            if own:
                _check(vendor, own, look, settings, environment, seconds, report)
    finally:
        for vendor in vendors:
            vendor.close()
    now, waited = utc_now(), report.elapsed()
    verdicts = [verdict(each.sight, table, now, waited) for each in wanted]
    for each in verdicts:
        report.line(str(each))
    return 0 if all(each.mark == "ok" for each in verdicts) else 1


def _check(
    vendor: Vendor,
    wanted: Sequence[Wanted],
    look: BrokerLook,
    settings: Settings,
    environment: Environment,
    seconds: float,
    report: Report,
) -> None:
    if key_of(vendor) in look.held and settings.broker_url is not None:
        ask_worker(settings.broker_url.get_secret_value(), environment, vendor.name, wanted, seconds, report)
        return
    open_ones = [each for each in wanted if each.sight.refused is None]
    if open_ones and vendor.streams is not None:
        why = "no worker holds it" if look.result.passed else f"no worker can be asked ({look.result.detail})"
        report.step(f"the {vendor.name} key is used here: {why}")
        use_key(vendor.streams, open_ones, seconds, report)


def _of(vendors: Sequence[Vendor], name: str) -> Vendor:
    for vendor in vendors:
        if vendor.name == name:
            return vendor
    raise SettingsError(f"VENDORS: has no {name}, which --stream names")


def _wanted(name: StreamName, vendor: Vendor, look: BrokerLook) -> Wanted:
    """What a stream is in the vendor's words.

    Raises:
        SettingsError: There is no such TR, its key is none of its keys, or notices lack the HTS ID.
    """
    label = ":".join(part for part in (name.vendor, name.tr_id, name.tr_key) if part)
    method = next(each for each in vendor.methods() if each.name == f"{name.vendor}.subscribe")
    arguments = {"tr_id": name.tr_id, "tr_key": name.tr_key}
    refused: TaskFailed | None = None
    registration = Registration(name.tr_id, name.tr_key or "")
    try:
        assert method.stream is not None  # noqa: S101 - it is a subscription
        registration = method.stream(method.parameters.model_validate(arguments)).wanted[0].registration
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise SettingsError(f"--stream: {problem['loc'][0]}: {describe_problem(problem)}") from None
    except InvalidParameters as error:
        raise SettingsError(f"--stream: {error.message}") from None
    except TaskFailed as error:
        # The worker that holds the key may have what the settings here lack.
        if AccountKey(name.vendor) not in look.held:
            if isinstance(error, AuthenticationFailed):
                raise SettingsError(error.message) from None
            refused = error
    streams = vendor.streams
    is_personal = streams is not None and streams.describe(registration)["tr_key"] is None
    if is_personal:
        name = name._replace(tr_key=None)
        label = f"{name.vendor}:{name.tr_id}"
    sight = Sight(
        label=label,
        venue=None if streams is None else streams.venue(registration),
        notices=is_personal,
        refused=refused,
    )
    return Wanted(name, registration, sight)
