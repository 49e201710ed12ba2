"""The control on Windows: made by comtypes in a window of ATL's, on one thread that dispatches its messages.

Kiwoom's control is an MFC control that wants a window to live in; made without one it fails on some machines.
``AtlAxWin``, a window class of Windows' own ``atl.dll``, is such a home and needs nothing installed. The
interfaces are written down here by hand, since making them from the control would need the control.

Only this module knows Windows. It can be imported there alone.
"""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("the ActiveX host of Kiwoom OpenAPI+ exists on Windows only")

import ctypes
import struct
import winreg
from collections.abc import Callable, Sequence
from ctypes import wintypes
from importlib.util import find_spec
from typing import Any

import structlog

from broker_server.vendors.kiwoom.openapi_plus.control import ControlEvents, KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.prerequisites import CLSID, Host, HostNotFit, ensure_fit

log = structlog.get_logger(__name__)

DISPATCH_INTERFACE = "{CF20FBB6-EDD4-4BE5-A473-FEF91977DEB6}"
EVENT_INTERFACE = "{7335F12D-8973-4BD5-B7F0-12DF03D175B7}"

_WS_POPUP, _WS_CHILD, _WS_VISIBLE = 0x80000000, 0x40000000, 0x10000000
_WS_EX_TOOLWINDOW = 0x00000080
_WM_APP, _WM_QUIT = 0x8000, 0x0012
_PM_REMOVE = 0x0001
_QS_ALLINPUT, _MWMO_INPUTAVAILABLE = 0x04FF, 0x0004
_INFINITE = 0xFFFFFFFF
_MOST_MESSAGES = 100
_WM_TIMER = 0x0113
_HWND_MESSAGE = -3
_MESSAGE_TYPES = (wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)
_APARTMENT_THREADED = 2
_UOI_FLAGS, _WSF_VISIBLE = 1, 0x0001

_TEXT, _NUMBER = "text", "number"

METHOD_IDS = {
    "CommConnect": 1,
    "CommRqData": 3,
    "GetLoginInfo": 4,
    "SendOrder": 5,
    "SendOrderFO": 6,
    "SetInputValue": 7,
    "DisconnectRealData": 10,
    "GetRepeatCnt": 11,
    "CommKwRqData": 12,
    "GetAPIModulePath": 13,
    "GetCodeListByMarket": 14,
    "GetConnectState": 15,
    "GetMasterCodeName": 16,
    "GetMasterListedStockCnt": 17,
    "GetMasterConstruction": 18,
    "GetMasterListedStockDate": 19,
    "GetMasterLastPrice": 20,
    "GetMasterStockState": 21,
    "GetCommData": 24,
    "GetCommRealData": 25,
    "GetChejanData": 26,
    "SendOrderCredit": 48,
    "KOA_Functions": 49,
    "SetRealReg": 51,
    "GetConditionLoad": 52,
    "GetConditionNameList": 53,
    "SendCondition": 54,
    "SendConditionStop": 55,
    "GetCommDataEx": 56,
    "SetRealRemove": 57,
    "GetMarketType": 58,
}
"""DISPIDs of the interface; a method that is not here is looked up by its name."""

EVENT_IDS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (1, "OnReceiveTrData", (_TEXT, _TEXT, _TEXT, _TEXT, _TEXT, _NUMBER, _TEXT, _TEXT, _TEXT)),
    (2, "OnReceiveRealData", (_TEXT, _TEXT, _TEXT)),
    (3, "OnReceiveMsg", (_TEXT, _TEXT, _TEXT, _TEXT)),
    (4, "OnReceiveChejanData", (_TEXT, _NUMBER, _TEXT)),
    (5, "OnEventConnect", (_NUMBER,)),
    (6, "OnReceiveInvestRealData", (_TEXT,)),
    (7, "OnReceiveRealCondition", (_TEXT, _TEXT, _TEXT, _TEXT)),
    (8, "OnReceiveTrCondition", (_TEXT, _TEXT, _TEXT, _NUMBER, _NUMBER)),
    (9, "OnReceiveConditionVer", (_NUMBER, _TEXT)),
)
"""DISPIDs and arguments of the nine events."""


def this_host() -> Host:
    """What this process and machine are like."""
    shell32 = ctypes.WinDLL("shell32")
    return Host(
        platform=sys.platform,
        pointer_bits=struct.calcsize("P") * 8,
        administrator=bool(shell32.IsUserAnAdmin()),
        registered=_is_registered(),
        comtypes=find_spec("comtypes") is not None,
        desktop=_has_a_desktop(),
    )


def _is_registered() -> bool:
    try:
        with winreg.OpenKey(
            winreg.HKEY_CLASSES_ROOT,
            f"CLSID\\{CLSID}\\InprocServer32",
            0,
            winreg.KEY_READ | winreg.KEY_WOW64_32KEY,
        ):
            return True
    except OSError:
        return False


def _has_a_desktop() -> bool:
    """Services live on a window station that nobody can see."""
    user32 = ctypes.WinDLL("user32")
    user32.GetProcessWindowStation.restype = wintypes.HANDLE
    station, flags = user32.GetProcessWindowStation(), (wintypes.DWORD * 3)()
    needed = wintypes.DWORD()
    known = user32.GetUserObjectInformationW(
        wintypes.HANDLE(station), _UOI_FLAGS, ctypes.byref(flags), ctypes.sizeof(flags), ctypes.byref(needed)
    )
    return not known or bool(flags[2] & _WSF_VISIBLE)


class _WindowClass(ctypes.Structure):
    """Windows' WNDCLASSW."""

    _fields_ = (
        ("style", wintypes.UINT),
        ("lpfnWndProc", ctypes.c_void_p),
        ("cbClsExtra", ctypes.c_int),
        ("cbWndExtra", ctypes.c_int),
        ("hInstance", wintypes.HINSTANCE),
        ("hIcon", wintypes.HANDLE),
        ("hCursor", wintypes.HANDLE),
        ("hbrBackground", wintypes.HANDLE),
        ("lpszMenuName", wintypes.LPCWSTR),
        ("lpszClassName", wintypes.LPCWSTR),
    )


class WindowsPump:
    """Dispatches the messages of the thread that opened it; see `sta.Pump`.

    Windows of the control dispatch messages themselves while they are open, and such a loop throws messages
    away that belong to no window. So what wakes it is posted to a window of its own, which does the work from
    there; a timer of that window does what is due later.
    """

    def __init__(self) -> None:
        self._user32 = ctypes.WinDLL("user32", use_last_error=True)
        self._ole32 = ctypes.OleDLL("ole32")
        self._user32.CreateWindowExW.restype = wintypes.HWND
        self._user32.DefWindowProcW.restype = ctypes.c_ssize_t
        self._user32.DefWindowProcW.argtypes = _MESSAGE_TYPES
        self._window: int | None = None
        self._work: Callable[[], float | None] = lambda: None
        # Windows keeps the address: the object must live as long as the window's class.
        self._procedure = ctypes.WINFUNCTYPE(ctypes.c_ssize_t, *_MESSAGE_TYPES)(self._on_message)

    def open(self, work: Callable[[], float | None]) -> None:
        self._work = work
        self._ole32.OleInitialize(None)
        name = f"sapi-broker-{id(self):x}"
        described = _WindowClass()
        described.lpfnWndProc = ctypes.cast(self._procedure, ctypes.c_void_p)
        described.lpszClassName = name
        self._user32.RegisterClassW(ctypes.byref(described))
        self._window = self._user32.CreateWindowExW(
            0, name, None, 0, 0, 0, 0, 0, wintypes.HWND(_HWND_MESSAGE), None, None, None
        )
        if not self._window:
            code = ctypes.get_last_error()
            raise HostNotFit(f"the window of the control's thread could not be made (Windows error {code})")

    def wait(self, seconds: float | None) -> None:
        milliseconds = self._set_timer(seconds)
        self._user32.MsgWaitForMultipleObjectsEx(0, None, milliseconds, _QS_ALLINPUT, _MWMO_INPUTAVAILABLE)
        message = wintypes.MSG()
        # Live data may come without a pause; timers must have their turn.
        for _ in range(_MOST_MESSAGES):
            if not self._user32.PeekMessageW(ctypes.byref(message), None, 0, 0, _PM_REMOVE):
                return
            if message.message == _WM_QUIT:
                return
            self._user32.TranslateMessage(ctypes.byref(message))
            self._user32.DispatchMessageW(ctypes.byref(message))
            if message.message in (_WM_APP, _WM_TIMER):
                return

    def wake(self) -> None:
        window = self._window
        if window:
            self._user32.PostMessageW(window, _WM_APP, 0, 0)

    def close(self) -> None:
        window, self._window = self._window, None
        if window:
            self._user32.DestroyWindow(window)
        self._ole32.OleUninitialize()

    def _set_timer(self, seconds: float | None) -> int:
        """Have the work done then, whoever dispatches messages by that time; its milliseconds."""
        if seconds is None or not self._window:
            return _INFINITE
        milliseconds = max(1, min(int(seconds * 1000) + 1, 60_000))
        self._user32.SetTimer(self._window, 1, milliseconds, None)
        return milliseconds

    def _on_message(self, window: Any, message: int, first: int, second: int) -> int:
        if message not in (_WM_APP, _WM_TIMER):
            result: int = self._user32.DefWindowProcW(window, message, first, second)
            return result
        self._user32.KillTimer(window, 1)
        self._set_timer(self._work())
        return 0


class HostedControl:
    """The control's methods, called through its dispatch interface. Make it with `make_control`."""

    def __init__(self, dispatch: Any, keep: Sequence[Any]) -> None:
        self._dispatch = dispatch
        self._keep = keep  # what must live as long as the control: its windows and its connection
        self._ids = dict(METHOD_IDS)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: Any) -> Any:
            number = self._ids.get(name)
            if number is None:
                number = self._ids[name] = self._dispatch.GetIDsOfNames(name)[0]
            return self._dispatch.Invoke(number, *args)

        return call


def make_control(events: ControlEvents) -> KiwoomControl:
    """Make the control on the calling thread, which must dispatch its messages from then on.

    Args:
        events: Where its events go.

    Raises:
        HostNotFit: Something is missing; the text says what and what to do.
    """
    ensure_fit(this_host())
    # Importing comtypes initialises COM on the importing thread, so it is done on the control's.
    vars(sys)["coinit_flags"] = _APARTMENT_THREADED  # comtypes reads it
    import comtypes
    import comtypes.automation
    import comtypes.client

    windows = _Windows()
    try:
        unknown = windows.control()
        dispatch = unknown.QueryInterface(_dispatch_interface())
        connection = comtypes.client.GetEvents(unknown, _Sink(events), interface=_event_interface())
    except (OSError, comtypes.COMError) as error:
        windows.destroy()
        raise HostNotFit(
            f"Kiwoom OpenAPI+ could not be started ({error}); wait if it is updating, else install it again"
        ) from error
    control: Any = HostedControl(dispatch, (windows, connection))
    hosted: KiwoomControl = control
    return hosted


class _Windows:
    """A top window of our own, out of sight, and in it the one that the control lives in."""

    def __init__(self) -> None:
        self._user32 = ctypes.WinDLL("user32", use_last_error=True)
        self._user32.CreateWindowExW.restype = wintypes.HWND
        self._atl = _load_atl()
        if not self._atl.AtlAxWinInit():
            raise HostNotFit("atl.dll could not register its window class; repair Windows' system files")
        self._top = self._window("Static", "Kiwoom OpenAPI+", _WS_POPUP, _WS_EX_TOOLWINDOW, None)
        self._home = self._window("AtlAxWin", CLSID, _WS_CHILD | _WS_VISIBLE, 0, self._top)

    def control(self) -> Any:
        """The control's IUnknown."""
        import comtypes

        pointer = ctypes.POINTER(comtypes.IUnknown)()
        result = self._atl.AtlAxGetControl(self._home, ctypes.byref(pointer))
        if result != 0 or not pointer:
            raise HostNotFit(
                f"Kiwoom OpenAPI+ could not be started (0x{result & 0xFFFFFFFF:08X}); install it again"
            )
        return pointer

    def destroy(self) -> None:
        """Close both."""
        self._user32.DestroyWindow(self._top)

    def _window(self, kind: str, text: str, style: int, extended: int, parent: Any) -> Any:
        made = self._user32.CreateWindowExW(
            extended, kind, text, style, -100, -100, 20, 20, parent, None, None, None
        )
        if not made:
            code = ctypes.get_last_error()
            raise HostNotFit(f"the window of Kiwoom OpenAPI+ could not be made (Windows error {code})")
        return made


def _load_atl() -> Any:
    for name in ("atl", "atl110", "atl100"):
        try:
            return ctypes.WinDLL(name)
        except OSError:
            continue
    raise HostNotFit("atl.dll is missing; repair Windows' system files")


def _dispatch_interface() -> Any:
    """The control's methods are called by number, so of their interface only the name is needed."""
    from comtypes import GUID
    from comtypes.automation import IDispatch

    class _DKHOpenAPI(IDispatch):  # type: ignore[misc]  # comtypes has no types
        _case_insensitive_ = True
        _iid_ = GUID(DISPATCH_INTERFACE)
        _idlflags_: Sequence[str] = []
        _methods_: Sequence[Any] = []

    return _DKHOpenAPI


def _event_interface() -> Any:
    from comtypes import BSTR, DISPMETHOD, GUID, dispid
    from comtypes.automation import IDispatch

    kinds = {_TEXT: BSTR, _NUMBER: ctypes.c_long}

    class _DKHOpenAPIEvents(IDispatch):  # type: ignore[misc]  # comtypes has no types
        _case_insensitive_ = True
        _iid_ = GUID(EVENT_INTERFACE)
        _idlflags_: Sequence[str] = []
        _methods_: Sequence[Any] = []

    _DKHOpenAPIEvents._disp_methods_ = [
        DISPMETHOD(
            [dispid(number)],
            None,
            name,
            *((["in"], kinds[kind], f"argument{place}") for place, kind in enumerate(arguments)),
        )
        for number, name, arguments in EVENT_IDS
    ]
    return _DKHOpenAPIEvents


class _Sink:
    """Hands events on. comtypes looks methods up by name and wants real functions with a fixed signature."""

    def __init__(self, events: ControlEvents) -> None:
        self._events = events

    def OnReceiveTrData(self, *arguments: Any) -> None:  # noqa: N802
        self._events.OnReceiveTrData(*arguments)

    def OnReceiveRealData(self, *arguments: Any) -> None:  # noqa: N802
        self._events.OnReceiveRealData(*arguments)

    def OnReceiveMsg(self, *arguments: Any) -> None:  # noqa: N802
        self._events.OnReceiveMsg(*arguments)

    def OnReceiveChejanData(self, *arguments: Any) -> None:  # noqa: N802
        self._events.OnReceiveChejanData(*arguments)

    def OnEventConnect(self, *arguments: Any) -> None:  # noqa: N802
        self._events.OnEventConnect(*arguments)

    def OnReceiveInvestRealData(self, *arguments: Any) -> None:  # noqa: N802
        self._events.OnReceiveInvestRealData(*arguments)

    def OnReceiveRealCondition(self, *arguments: Any) -> None:  # noqa: N802
        self._events.OnReceiveRealCondition(*arguments)

    def OnReceiveTrCondition(self, *arguments: Any) -> None:  # noqa: N802
        self._events.OnReceiveTrCondition(*arguments)

    def OnReceiveConditionVer(self, *arguments: Any) -> None:  # noqa: N802
        self._events.OnReceiveConditionVer(*arguments)
