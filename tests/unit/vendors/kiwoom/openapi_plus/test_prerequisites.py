from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.prerequisites import Host, HostNotFit, ensure_fit
from broker_server.vendors.kiwoom.openapi_plus.windows import windows_backend

FIT = Host(
    platform="win32", pointer_bits=32, administrator=True, registered=True, comtypes=True, desktop=True
)


def test_a_fit_host_passes() -> None:
    ensure_fit(FIT)


@pytest.mark.parametrize(
    ("lack", "words"),
    [
        ({"platform": "linux"}, "Windows only"),
        ({"pointer_bits": 64}, "32-bit Python"),
        ({"comtypes": False}, r"sapi-broker\[kiwoom-windows\]"),
        ({"registered": False}, "OpenAPISetup.exe"),
        ({"administrator": False}, "administrator"),
        ({"desktop": False}, "not as a service"),
    ],
)
def test_what_is_missing_is_one_clear_line(lack: dict[str, object], words: str) -> None:
    with pytest.raises(HostNotFit, match=words) as raised:
        ensure_fit(replace(FIT, **lack))  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_what_can_be_put_right_first_is_told_first() -> None:
    with pytest.raises(HostNotFit, match="32-bit"):
        ensure_fit(replace(FIT, pointer_bits=64, comtypes=False, registered=False, administrator=False))


@pytest.mark.skipif(sys.platform == "win32", reason="it may have the control")
def test_elsewhere_the_backend_is_refused_with_one_line() -> None:
    with pytest.raises(HostNotFit, match="REST"):
        windows_backend(OpenApiPlusConfig(), clock=SystemClock(), on_notice=lambda notice: None)
