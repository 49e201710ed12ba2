"""The control on Windows: made by comtypes in a window of ATL's, on the thread of `windows_pump`.

Kiwoom's control is an MFC control that wants a window to live in; made without one it fails on some machines.
``AtlAxWin``, a window class of Windows' own ``atl.dll``, is such a home and needs nothing installed. The
interfaces are written down here by hand, since making them from the control would need the control.

Only this module and `windows_pump` know Windows. They can be imported there alone.
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
from typing import Any, get_type_hints

import structlog

from broker_server.vendors.kiwoom.openapi_plus.control import EVENTS, METHODS, ControlEvents, KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.prerequisites import CLSID, Host, HostNotFit, ensure_fit

log = structlog.get_logger(__name__)

EVENT_INTERFACE = "{7335F12D-8973-4BD5-B7F0-12DF03D175B7}"

_WS_POPUP, _WS_CHILD, _WS_VISIBLE = 0x80000000, 0x40000000, 0x10000000
_WS_EX_TOOLWINDOW = 0x00000080
_APARTMENT_THREADED = 2
_UOI_FLAGS, _WSF_VISIBLE = 1, 0x0001

_ATL = (("atl", "AtlAxWin"), ("atl110", "AtlAxWin110"), ("atl100", "AtlAxWin100"))
"""Libraries, and what each calls its window class. Windows has the first; others come with Visual C++."""

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

_TEXTS = frozenset(
    name for name in METHODS if get_type_hints(getattr(KiwoomControl, name)).get("return") is str
)
"""Methods whose result is text."""


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


class HostedControl:
    """The control's methods, called through its dispatch interface. `ControlHost` makes it."""

    def __init__(self, dispatch: Any) -> None:
        self._dispatch = dispatch
        self._ids = dict(METHOD_IDS)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: Any) -> Any:
            if self._dispatch is None:
                raise RuntimeError(f"{name} was called after the control's end")
            number = self._ids.get(name)
            if number is None:
                number = self._ids[name] = self._dispatch.GetIDsOfNames(name)[0]
            result = self._dispatch.Invoke(number, *args)
            return "" if result is None and name in _TEXTS else result

        return call

    def release(self) -> None:
        """Let the control go."""
        self._dispatch = None


class ControlHost:
    """Makes one control, and lets it go; both on its thread, which must dispatch messages in between."""

    def __init__(self) -> None:
        self._windows: _Windows | None = None
        self._control: HostedControl | None = None
        self._connection: Any = None

    def make(self, events: ControlEvents) -> KiwoomControl:
        """Make the control.

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

        self._windows = _Windows()
        try:
            unknown = self._windows.control()
            # Methods go by their numbers, so the common interface will do.
            self._control = HostedControl(unknown.QueryInterface(comtypes.automation.IDispatch))
            self._connection = comtypes.client.GetEvents(unknown, _Sink(events), interface=_event_interface())
        except (OSError, comtypes.COMError) as error:
            raise HostNotFit(
                f"Kiwoom OpenAPI+ could not be started ({error}); wait if it updates, else reinstall it"
            ) from error
        control: Any = self._control
        hosted: KiwoomControl = control
        return hosted

    def release(self) -> None:
        """Hear no events any more and let the control go, before COM ends on the thread.

        What is still held then is released when Python ends, where the control's code is gone already.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.disconnect()
            except Exception as error:  # a control that died has nothing to disconnect from
                log.warning("kiwoom_control_not_disconnected", reason=str(error))
        if self._control is not None:
            self._control.release()
        if self._windows is not None:
            self._windows.destroy()
            self._windows = None


class _Windows:
    """A top window of our own, out of sight, and in it the one that the control lives in."""

    def __init__(self) -> None:
        self._user32 = ctypes.WinDLL("user32", use_last_error=True)
        self._user32.CreateWindowExW.restype = wintypes.HWND
        self._atl, kind = _load_atl()
        if not self._atl.AtlAxWinInit():
            raise HostNotFit("atl.dll could not register its window class; repair Windows' system files")
        self._top = self._window("Static", "Kiwoom OpenAPI+", _WS_POPUP, _WS_EX_TOOLWINDOW, None)
        self._home = self._window(kind, CLSID, _WS_CHILD | _WS_VISIBLE, 0, self._top)

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


def _load_atl() -> tuple[Any, str]:
    """The library, and the name of its window class."""
    for library, window_class in _ATL:
        try:
            return ctypes.WinDLL(library), window_class
        except OSError:
            continue
    raise HostNotFit("atl.dll is missing; repair Windows' system files")


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
    """Hands events on. comtypes finds its methods by name and takes them apart, so they must be real ones."""

    def __init__(self, events: ControlEvents) -> None:
        self._events = events


def _handler(name: str) -> Callable[..., None]:
    def handle(self: _Sink, *arguments: Any) -> None:
        # An empty text may come as a null pointer, which comtypes makes None of.
        getattr(self._events, name)(*("" if each is None else each for each in arguments))

    return handle


for _name in EVENTS:
    setattr(_Sink, _name, _handler(_name))
