"""The Windows host over doubles of Windows' libraries and of comtypes: what it asks of them, and how."""

from __future__ import annotations

import ctypes
import importlib
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.control import EVENTS, METHODS
from broker_server.vendors.kiwoom.openapi_plus.prerequisites import CLSID, HostNotFit

PACKAGE = "broker_server.vendors.kiwoom.openapi_plus"
MODULES = (f"{PACKAGE}.activex", f"{PACKAGE}.windows_pump", f"{PACKAGE}.windows")


class Library:
    """A DLL whose functions answer what a test says; calls are noted."""

    def __init__(self, answers: dict[str, Any], calls: list[tuple[str, tuple[Any, ...]]]) -> None:
        self._answers = answers
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        answers, calls = self._answers, self._calls

        class Function:
            def __call__(self, *args: Any) -> Any:
                calls.append((name, args))
                answer = answers.get(name, 1)
                return answer(*args) if callable(answer) else answer

        function = Function()
        setattr(self, name, function)
        return function


class Dispatch:
    """The control's dispatch interface."""

    def __init__(self) -> None:
        self.invoked: list[tuple[Any, ...]] = []
        self.looked_up: list[str] = []
        self.result: Any = 0

    def Invoke(self, number: int, *args: Any) -> Any:  # noqa: N802
        self.invoked.append((number, *args))
        return self.result

    def GetIDsOfNames(self, name: str) -> list[int]:  # noqa: N802
        self.looked_up.append(name)
        return [900]


class Windows:
    """The doubles together."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.answers: dict[str, Any] = {"AtlAxGetControl": 0, "PeekMessageW": 0}
        self.dispatch = Dispatch()
        self.sink: Any = None
        self.interface: Any = None
        self.registered = True
        self.host: Any = None
        self.activex: types.ModuleType
        self.pump: types.ModuleType

    def make(self, events: Any) -> Any:
        """A control."""
        self.host = self.activex.ControlHost()
        return self.host.make(events)

    def called(self, name: str) -> list[tuple[Any, ...]]:
        return [args for called, args in self.calls if called == name]


class _Pointer:
    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def QueryInterface(self, interface: Any) -> Dispatch:  # noqa: N802
        assert interface.__name__ == "IDispatch"
        return self._windows.dispatch


def _comtypes(windows: Windows) -> dict[str, types.ModuleType]:
    comtypes = types.ModuleType("comtypes")
    automation, client = types.ModuleType("comtypes.automation"), types.ModuleType("comtypes.client")

    class IDispatch:
        pass

    def get_events(source: Any, sink: Any, interface: Any) -> Any:
        windows.sink, windows.interface = sink, interface
        return types.SimpleNamespace(disconnect=lambda: windows.calls.append(("disconnect", ())))

    values: dict[str, Any] = {
        "IUnknown": IDispatch,
        "COMError": type("COMError", (Exception,), {}),
        "GUID": str,
        "BSTR": "BSTR",
        "dispid": int,
        "DISPMETHOD": lambda flags, result, name, *arguments: (flags, result, name, arguments),
        "automation": automation,
        "client": client,
    }
    for name, value in values.items():
        setattr(comtypes, name, value)
    automation.IDispatch = IDispatch  # type: ignore[attr-defined]
    client.GetEvents = get_events  # type: ignore[attr-defined]
    return {"comtypes": comtypes, "comtypes.automation": automation, "comtypes.client": client}


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[Windows]:
    made = Windows()
    winreg = types.ModuleType("winreg")
    names = ("HKEY_CLASSES_ROOT", "KEY_READ", "KEY_WOW64_32KEY")
    for name in names:
        setattr(winreg, name, 1)

    class Key:
        def __enter__(self) -> Key:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    def open_key(*args: Any) -> Key:
        if not made.registered:
            raise OSError("no such key")
        assert CLSID in args[1]
        return Key()

    winreg.OpenKey = open_key  # type: ignore[attr-defined]

    def library(name: str, **_: Any) -> Library:
        if name in made.answers.get("missing", ()):
            raise OSError(name)
        return Library(made.answers, made.calls)

    def station(handle: Any, what: int, flags: Any, size: Any, needed: Any) -> int:
        flags._obj[2] = 1
        return 1

    made.answers["GetUserObjectInformationW"] = station
    for name, module in {"winreg": winreg, **_comtypes(made)}.items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("WinDLL", "OleDLL"):
        monkeypatch.setattr(ctypes, name, library, raising=False)
    monkeypatch.setattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 5, raising=False)
    monkeypatch.setattr(ctypes, "POINTER", lambda kind: lambda: _Pointer(made))
    monkeypatch.setattr(ctypes, "byref", lambda value: types.SimpleNamespace(_obj=value))
    monkeypatch.setattr("struct.calcsize", lambda kind: 4)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(sys, "platform", "win32")
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    made.activex, made.pump, _ = map(importlib.import_module, MODULES)
    yield made
    for name in MODULES:
        sys.modules.pop(name, None)
    vars(sys).pop("coinit_flags", None)


class Events:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: self.heard.append((name, *args))


@pytest.mark.parametrize("module", MODULES[:2])
def test_elsewhere_it_cannot_be_imported(module: str) -> None:
    if sys.platform != "win32":
        with pytest.raises(ImportError, match="Windows only"):
            importlib.import_module(module)


def test_the_control_lives_in_a_window_of_atl_inside_one_of_ours(windows: Windows) -> None:
    windows.answers["CreateWindowExW"] = lambda *args: 77 if args[1] == "Static" else 78
    windows.make(Events())
    (top, home) = windows.called("CreateWindowExW")
    assert (home[1], home[2], home[8]) == ("AtlAxWin", CLSID, 77)
    assert top[8] is None
    assert windows.called("AtlAxGetControl")[0][0] == 78
    assert vars(sys)["coinit_flags"] == 2


def test_methods_go_by_their_numbers_and_unknown_ones_by_name(windows: Windows) -> None:
    control = windows.make(Events())
    control.CommRqData("tr1", "OPT10004", 0, "1001")
    control.GetFutureList()
    control.GetFutureList()
    assert windows.dispatch.invoked == [(3, "tr1", "OPT10004", 0, "1001"), (900,), (900,)]
    assert windows.dispatch.looked_up == ["GetFutureList"]
    assert set(windows.activex.METHOD_IDS) <= set(METHODS)
    assert len(set(windows.activex.METHOD_IDS.values())) == len(windows.activex.METHOD_IDS)


@pytest.mark.parametrize(("library", "window_class"), [("atl110", "AtlAxWin110"), ("atl100", "AtlAxWin100")])
def test_each_atl_has_its_own_window_class(windows: Windows, library: str, window_class: str) -> None:
    windows.answers["missing"] = {"atl", "atl110", "atl100"} - {library}
    windows.make(Events())
    assert windows.called("CreateWindowExW")[1][1] == window_class


def test_a_text_that_is_a_null_pointer_is_an_empty_text(windows: Windows) -> None:
    """Comtypes makes None of it; a page without rows is None on purpose."""
    events = Events()
    control = windows.make(events)
    windows.dispatch.result = None
    assert control.GetCommData("OPT10004", "", 0, "매도최우선호가") == ""
    assert control.GetLoginInfo("ACCNO") == ""
    assert control.GetCommDataEx("OPT10081", "주식일봉차트조회") is None
    assert control.SetInputValue("종목코드", "005930") is None
    windows.sink.OnReceiveMsg(None, "tr1", None, "text")
    assert events.heard == [("OnReceiveMsg", "", "tr1", "", "text")]


def test_the_control_is_let_go_before_com_ends(windows: Windows) -> None:
    windows.answers["CreateWindowExW"] = lambda *args: {"Static": 77, "AtlAxWin": 78}.get(args[1], 79)
    control = windows.make(Events())
    pump = windows.pump.WindowsPump(windows.host.release)
    pump.open(lambda: None)
    pump.close()
    names = [name for name, _ in windows.calls]
    assert names[names.index("disconnect") :] == [
        "disconnect",
        "DestroyWindow",
        "DestroyWindow",
        "UnregisterClassW",
        "OleUninitialize",
    ]
    assert windows.called("DestroyWindow") == [(77,), (79,)]
    with pytest.raises(RuntimeError, match="GetConnectState was called after"):
        control.GetConnectState()
    windows.host.release()
    assert len(windows.called("disconnect")) == 1


def test_the_backend_of_windows_is_made_of_these(windows: Windows) -> None:
    module = importlib.import_module(MODULES[2])
    backend = module.windows_backend(OpenApiPlusConfig(), clock=SystemClock(), on_notice=lambda notice: None)
    assert isinstance(backend._life._thread._pump, windows.pump.WindowsPump)


def test_every_event_is_handed_on_with_its_arguments(windows: Windows) -> None:
    events = Events()
    windows.make(events)
    assert windows.interface._iid_ == "{7335F12D-8973-4BD5-B7F0-12DF03D175B7}"
    declared = {name: (flags, arguments) for flags, _, name, arguments in windows.interface._disp_methods_}
    assert set(declared) == set(EVENTS)
    assert sorted(flags[0] for flags, _ in declared.values()) == list(range(1, 10))
    for name, (_, arguments) in declared.items():
        values = tuple(range(len(arguments)))
        getattr(windows.sink, name)(*values)
        assert events.heard[-1] == (name, *values)
    assert [kind for _, kind, _ in declared["OnReceiveChejanData"][1]] == ["BSTR", ctypes.c_long, "BSTR"]


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("IsUserAnAdmin", 0, "administrator"),
        ("AtlAxGetControl", -2147418113, "0x8000FFFF"),
        ("CreateWindowExW", 0, "Windows error 5"),
        ("AtlAxWinInit", 0, "atl.dll"),
        ("missing", ("atl", "atl110", "atl100"), "atl.dll is missing"),
    ],
)
def test_what_fails_is_one_clear_line(windows: Windows, name: str, answer: Any, words: str) -> None:
    windows.answers[name] = answer
    with pytest.raises(HostNotFit, match=words) as raised:
        windows.make(Events())
    assert "\n" not in str(raised.value)


def test_a_missing_control_is_told_before_anything_is_made(windows: Windows) -> None:
    windows.registered = False
    with pytest.raises(HostNotFit, match="not installed"):
        windows.make(Events())
    assert windows.called("CreateWindowExW") == []


def test_the_pump_waits_for_messages_and_is_woken_by_one_of_its_own_window(windows: Windows) -> None:
    windows.answers["CreateWindowExW"] = 4711
    pump = windows.pump.WindowsPump()
    pump.wake()
    assert windows.called("PostMessageW") == []
    pump.open(lambda: None)
    left = [3]

    def peek(message: Any, *_: Any) -> int:
        left[0] -= 1
        message._obj.message = 0x0200
        return int(left[0] >= 0)

    windows.answers["PeekMessageW"] = peek
    pump.wait(0.25)
    assert windows.called("SetTimer")[0] == (4711, 1, 251, None)
    assert windows.called("MsgWaitForMultipleObjectsEx")[0][2] == 251
    assert len(windows.called("DispatchMessageW")) == 3
    windows.answers["PeekMessageW"] = lambda message, *_: setattr(message._obj, "message", 0x8000) or 1
    pump.wait(None)
    assert len(windows.called("DispatchMessageW")) == 4
    pump.wake()
    assert windows.called("PostMessageW")[0][0] == 4711
    pump.close()
    pump.wake()
    assert len(windows.called("PostMessageW")) == 1
    assert windows.called("DestroyWindow") == [(4711,)]


def test_a_flood_of_messages_leaves_the_timers_their_turn(windows: Windows) -> None:
    pump = windows.pump.WindowsPump()
    pump.open(lambda: None)
    windows.answers["PeekMessageW"] = lambda message, *_: setattr(message._obj, "message", 0x0200) or 1
    pump.wait(0)
    assert len(windows.called("DispatchMessageW")) == 100


def test_work_is_done_while_a_window_of_the_control_dispatches_messages(windows: Windows) -> None:
    """Its loop knows nothing of ours, but it calls our window's procedure."""
    windows.answers["CreateWindowExW"] = 4711
    windows.answers["DefWindowProcW"] = 17
    pump = windows.pump.WindowsPump()
    waits = [0.5, None]
    pump.open(lambda: waits.pop(0))
    assert pump._procedure(4711, 0x8000, 0, 0) == 0
    assert windows.called("SetTimer")[-1] == (4711, 1, 501, None)
    assert pump._procedure(4711, 0x0113, 1, 0) == 0
    assert waits == []
    assert len(windows.called("SetTimer")) == 1
    assert pump._procedure(4711, 0x0001, 0, 0) == 17


def test_a_pump_without_a_window_is_one_clear_line(windows: Windows) -> None:
    windows.answers["CreateWindowExW"] = 0
    with pytest.raises(HostNotFit, match="Windows error 5"):
        windows.pump.WindowsPump().open(lambda: None)
