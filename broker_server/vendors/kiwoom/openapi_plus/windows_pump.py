"""Dispatches the messages of Windows on the control's thread. It can be imported on Windows alone."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    raise ImportError("Windows' messages exist on Windows only")

import ctypes
from collections.abc import Callable
from ctypes import wintypes
from typing import Any

from broker_server.vendors.kiwoom.openapi_plus.prerequisites import HostNotFit

_WM_APP, _WM_QUIT, _WM_TIMER = 0x8000, 0x0012, 0x0113
_PM_REMOVE = 0x0001
_QS_ALLINPUT, _MWMO_INPUTAVAILABLE = 0x04FF, 0x0004
_INFINITE = 0xFFFFFFFF
_MOST_MESSAGES = 100
_HWND_MESSAGE = -3
_MESSAGE_TYPES = (wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)


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

    Args:
        closing: The last work on the thread while COM can be used.
    """

    def __init__(self, closing: Callable[[], None] = lambda: None) -> None:
        self._closing = closing
        self._user32 = ctypes.WinDLL("user32", use_last_error=True)
        self._ole32 = ctypes.OleDLL("ole32")
        kernel32 = ctypes.WinDLL("kernel32")
        kernel32.GetModuleHandleW.restype = wintypes.HMODULE
        self._instance = wintypes.HINSTANCE(kernel32.GetModuleHandleW(None))
        self._class = f"sapi-broker-{id(self):x}"
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
        described = _WindowClass()
        described.lpfnWndProc = ctypes.cast(self._procedure, ctypes.c_void_p)
        described.hInstance = self._instance
        described.lpszClassName = self._class
        if self._user32.RegisterClassW(ctypes.byref(described)):
            parent = wintypes.HWND(_HWND_MESSAGE)
            self._window = self._user32.CreateWindowExW(
                0, self._class, None, 0, 0, 0, 0, 0, parent, None, self._instance, None
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
        try:
            self._closing()
        finally:
            if window:
                self._user32.DestroyWindow(window)
                self._user32.UnregisterClassW(self._class, self._instance)
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
