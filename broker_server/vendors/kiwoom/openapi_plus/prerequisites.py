"""What a machine needs for the control; each thing that is missing is one clear line.

The checks are pure: what the machine is like comes in as a value, and `activex` finds it out.
"""

from __future__ import annotations

from dataclasses import dataclass

CLSID = "{A1574A0D-6BFA-4BD7-9020-DED88711818D}"
PROG_ID = "KHOPENAPI.KHOpenAPICtrl.1"
INSTALLER = "https://download.kiwoom.com/web/openapi/OpenAPISetup.exe"

NOT_WINDOWS = "Kiwoom OpenAPI+ runs on Windows only; on this machine use Kiwoom's REST API instead"

_GUIDE = "docs/kiwoom-windows.md"


class HostNotFit(RuntimeError):
    """The machine or the way this process was started does not allow the control; the text is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A process and its machine.

    Attributes:
        platform: ``sys.platform``.
        pointer_bits: 32 or 64.
        administrator: The process may write where the control updates itself.
        registered: Windows knows the control.
        comtypes: The package is installed.
        desktop: The process is on a desktop that somebody could look at.
    """

    platform: str
    pointer_bits: int
    administrator: bool
    registered: bool
    comtypes: bool
    desktop: bool


def ensure_fit(host: Host) -> None:
    """Check in the order in which things can be put right.

    Raises:
        HostNotFit: The first thing that is missing, and what to do about it.
    """
    problem = _problem(host)
    if problem is not None:
        raise HostNotFit(f"{problem} ({_GUIDE})")


def _problem(host: Host) -> str | None:
    if host.platform != "win32":
        return NOT_WINDOWS
    if host.pointer_bits != 32:
        return "Kiwoom OpenAPI+ is a 32-bit control: start this with a 32-bit Python (3.11 to 3.13)"
    if not host.comtypes:
        return "comtypes is missing: pip install 'sapi-broker[kiwoom-windows]'"
    if not host.registered:
        return f"Kiwoom OpenAPI+ is not installed: run {INSTALLER} as administrator"
    if not host.administrator:
        return (
            "Kiwoom OpenAPI+ needs administrator rights to update itself: start this with "
            "'Run as administrator' or by a task with highest privileges"
        )
    if not host.desktop:
        return (
            "Kiwoom OpenAPI+ needs a desktop for its windows: start this in the console session of a "
            "logged-on user, not as a service"
        )
    return None
