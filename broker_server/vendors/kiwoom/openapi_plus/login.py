"""The login: from `CommConnect` to a known server and account, and the watch over the connection after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from broker_server.vendors.kiwoom.openapi_plus.control import KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.errors import VERSION, described
from broker_server.vendors.kiwoom.openapi_plus.sta import ControlLoop, Timer
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice, OnNotice
from broker_server.vendors.kiwoom.openapi_plus.timing import Timing

MOCK_SERVER = "1"
_NO_SERVER = frozenset({-101, -103, -104, -106})
"""The login was not even looked at."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """What a login tells.

    Attributes:
        live: Orders move real money: anything but an explicit mock server.
        accounts: Their numbers.
    """

    live: bool
    accounts: tuple[str, ...]


class Login:
    """Logs in once; a lost connection is never made again in the same process.

    Args:
        control: What logs in.
        loop: Where to be called later.
        timing: The waits.
        notify: Whom to tell of each state.
        ready: Called once logged in.
        lost: Called when nothing can be asked any more.
    """

    def __init__(
        self,
        control: KiwoomControl,
        loop: ControlLoop,
        *,
        timing: Timing,
        notify: OnNotice,
        ready: Callable[[LoggedIn], None],
        lost: Callable[[Notice], None],
    ) -> None:
        self._control = control
        self._loop = loop
        self._timing = timing
        self._notify = notify
        self._ready = ready
        self._lost = lost
        self._timer: Timer | None = None
        self.is_ready = False
        self.is_over = False

    def start(self) -> None:
        """Begin."""
        self._notify(Notice(HostState.CONNECTING, "logging in"))
        code = self._control.CommConnect()
        if self.is_ready or self.is_over:
            return  # the answer came from within the call
        if code < 0:
            self._fail(code)
            return
        self._timer = self._loop.call_later(self._timing.login, self._nobody_logs_in)

    def on_connect(self, code: int) -> None:
        """The control's `OnEventConnect`."""
        if self.is_over:
            return
        self._cancel()
        if code != 0:
            self._fail(code)
        elif not self.is_ready:
            # What the login brought is asked for outside of the event, as every call is.
            self._loop.post(self._finish)

    def _finish(self) -> None:
        if self.is_over or self.is_ready:
            return
        try:
            server = self._control.GetLoginInfo("GetServerGubun").strip()
            accounts = self._control.GetLoginInfo("ACCNO").split(";")
        except Exception as error:
            self._broken(f"GetLoginInfo raised {error}")
            return
        self.is_ready = True
        logged_in = LoggedIn(server != MOCK_SERVER, tuple(each.strip() for each in accounts if each.strip()))
        kind = "real trading" if logged_in.live else "mock trading"
        self._notify(Notice(HostState.READY, f"logged in for {kind}"))
        self._timer = self._loop.call_later(self._timing.look, self._look)
        self._ready(logged_in)

    def _look(self) -> None:
        """The control does not always tell that it has lost the server."""
        if self.is_over:
            return
        try:
            is_connected = self._control.GetConnectState() != 0
        except Exception as error:  # a watch that ends in silence would leave a dead control in use
            self._broken(f"GetConnectState raised {error}")
            return
        if is_connected:
            self._timer = self._loop.call_later(self._timing.look, self._look)
        else:
            self._fail(None)

    def _nobody_logs_in(self) -> None:
        self._timer = None
        self._notify(
            Notice(
                HostState.LOGIN_REQUIRED,
                "the login window waits: log in on the host's desktop, and set automatic login up",
            )
        )

    def _fail(self, code: int | None) -> None:
        self._give_up(self._notice(code))

    def _broken(self, what: str) -> None:
        self._give_up(Notice(HostState.CONTROL_FAILED, what, restart=True))

    def _give_up(self, notice: Notice) -> None:
        self._cancel()
        self.is_over = True
        self._notify(notice)
        self._lost(notice)

    def _notice(self, code: int | None) -> Notice:
        shown = "the control reports no connection" if code is None else described(code)
        text = None if code is None else str(code)
        if code == VERSION:
            return Notice(
                HostState.UPDATE_PENDING,
                f"{shown}: Kiwoom has a new version; close every program that uses OpenAPI+ (KOA Studio too) "
                "and log in once by hand without automatic login",
                text,
                restart=True,
            )
        if self.is_ready or code is None or code in _NO_SERVER:
            return Notice(HostState.CONNECTION_LOST, shown, text, restart=True)
        return Notice(
            HostState.LOGIN_REQUIRED, f"Kiwoom did not accept the login: {shown}", text, restart=True
        )

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
