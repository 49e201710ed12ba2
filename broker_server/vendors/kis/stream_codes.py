"""Which real-time TRs a key may ask for, and with which ``tr_key``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from pydantic import SecretStr

from broker_client.errors import AuthenticationFailed, InvalidParameters, Unsupported
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.config import KisEnvironment
from broker_server.vendors.kis.errors import VENDOR
from broker_server.vendors.kis.overseas_keys import OverseasKey, parse_overseas_key
from broker_server.vendors.kis.personal import PersonalText
from broker_server.vendors.kis.realtime_table import realtime_trs
from broker_server.vendors.kis.stream_names import KeyKind, is_notice, stream_trs
from broker_server.vendors.kis.stream_parameters import Market
from broker_server.vendors.parameters import QuoteVenue

TRADES: Mapping[QuoteVenue, str] = {"KRX": "H0STCNT0", "NXT": "H0NXCNT0", "UNIFIED": "H0UNCNT0"}
BOOKS: Mapping[QuoteVenue, str] = {"KRX": "H0STASP0", "NXT": "H0NXASP0", "UNIFIED": "H0UNASP0"}
"""What is live of domestic stocks."""

_NOTICES: Mapping[KisEnvironment, Mapping[Market, str]] = {
    "real": {"domestic": "H0STCNI0", "overseas": "H0GSCNI0"},
    "paper": {"domestic": "H0STCNI9", "overseas": "H0GSCNI9"},
}
"""The notices of executions."""

_KEYS: Mapping[KeyKind, tuple[re.Pattern[str], str]] = {
    "stock": (re.compile("[0-9A-Z]{6}|Q[0-9]{6}"), 'a 6-character code such as "005930"'),
    "index": (re.compile("[0-9]{4}"), '4 digits such as "0001", which is KOSPI'),
    "elw": (re.compile("[0-9A-Z]{6}"), 'a 6-character code such as "57LA24"'),
    "overseas": (
        re.compile("[DR][A-Z]{3}[0-9A-Z][0-9A-Z./-]{0,15}"),
        'a letter, an exchange and a symbol, such as "DNASAAPL"',
    ),
    "bond": (re.compile("[0-9A-Z]{12}"), 'a 12-character code such as "KR2033022D33"'),
    "other": (re.compile("[0-9A-Za-z][0-9A-Za-z._/-]{0,31}"), "a code of KIS without blanks"),
}


class StreamCodes:
    """Turns what a client asks for into registrations that KIS would take.

    Args:
        environment: Of the account.
        hts_id: What notices are sent by, if it is configured.
        real_quotes: Quotes come with a real key, whatever the account's environment.
    """

    def __init__(self, environment: KisEnvironment, *, hts_id: SecretStr | None, real_quotes: bool) -> None:
        self._environment: KisEnvironment = environment
        self._hts_id = None if hts_id is None else PersonalText(hts_id.get_secret_value())
        self._quotes_are_real = real_quotes or environment == "real"

    def ensure_offered(self, code: str) -> None:
        """Refuse what KIS would refuse for this key.

        Raises:
            Unsupported: Another environment has it.
        """
        if is_notice(code):
            self._ensure_notice(code)
        elif not (self._quotes_are_real or realtime_trs()[code].paper):
            raise Unsupported(
                f"KIS does not offer {code} in paper trading; it needs a real key: KIS_ENVIRONMENT=real, or "
                "one for quotes in ACCOUNTS_FILE",
                vendor=VENDOR,
            )

    def execution(self, market: Market) -> Registration:
        """The notices of one market's executions.

        Raises:
            AuthenticationFailed: No HTS ID is configured.
        """
        return Registration(_NOTICES[self._environment][market], self._required_hts_id())

    def executions(self) -> tuple[Registration, ...]:
        """The notices of both markets' executions; none without an HTS ID."""
        return () if self._hts_id is None else (self.execution("domestic"), self.execution("overseas"))

    def registration(self, tr_id: str, tr_key: str | None) -> Registration:
        """Check what a client writes in KIS's own form.

        Args:
            tr_id: In capitals or not.
            tr_key: Left out for notices.

        Raises:
            InvalidParameters: There is no such TR, or the key is none of its keys.
            AuthenticationFailed: It is a notice, and no HTS ID is configured.
        """
        code = _known(tr_id)
        if is_notice(code):
            hts_id = self._required_hts_id()
            if tr_key not in (None, hts_id):
                raise _refused("tr_key: notices are sent by the HTS ID in KIS_HTS_ID alone; leave it out")
            return Registration(code, hts_id)
        kind = stream_trs()[code].key
        pattern, form = _KEYS[kind]
        if tr_key is None or pattern.fullmatch(tr_key) is None:
            raise _refused(f"tr_key: {code} needs {form}")
        if kind == "overseas":
            _check_overseas(code, tr_key)
        return Registration(code, tr_key)

    def _ensure_notice(self, code: str) -> None:
        if realtime_trs()[code].paper == (self._environment == "paper"):
            return
        owner = "real" if self._environment == "paper" else "paper"
        other = f"{code[:-1]}{'9' if self._environment == 'paper' else '0'}"
        instead = f"; the one of this account is {other}" if other in stream_trs() else ""
        raise Unsupported(f"KIS sends {code} to {owner} accounts only{instead}", vendor=VENDOR)

    def _required_hts_id(self) -> PersonalText:
        if self._hts_id is None:
            raise AuthenticationFailed(
                "KIS sends notices by the HTS ID, and none is configured; set KIS_HTS_ID", vendor=VENDOR
            )
        return self._hts_id


def overseas_price(key: OverseasKey) -> Registration:
    """The trades of an overseas stock."""
    return Registration("HDFSCNT0", key.text)


def overseas_order_book(key: OverseasKey) -> Registration:
    """The order book of an overseas stock: ten levels, but the best one alone where it is late."""
    return Registration("HDFSASP1" if key.delayed else "HDFSASP0", key.text)


def _known(tr_id: str) -> str:
    code = tr_id.strip().upper()
    if code in stream_trs():
        return code
    near = difflib.get_close_matches(code, stream_trs(), n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise _refused(f"tr_id: KIS has no such real-time TR{hint}")


def _check_overseas(code: str, tr_key: str) -> None:
    key = parse_overseas_key(tr_key)
    if key is None:
        raise _refused(
            f"tr_key: {tr_key} is none of KIS's keys; American ones are such as DNASAAPL, or RBAQAAPL in the "
            "day market, Asian ones DHKS00003 where late and RHKS00003 where paid for"
        )
    if code != "HDFSCNT0" and overseas_order_book(key).code != code:
        raise _refused(f"tr_key: the order book of {tr_key} is {overseas_order_book(key).code}, not {code}")


def _refused(message: str) -> InvalidParameters:
    return InvalidParameters(message, vendor=VENDOR)
