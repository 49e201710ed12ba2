"""Processor time of other processes, to the nanosecond: ``/proc/…/stat`` counts in hundredths of a second."""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc")


def processor_seconds(process_id: int) -> float:
    """Processor time that the living threads of a process have used."""
    spent = 0
    for statistics in _PROC.glob(f"{process_id}/task/*/schedstat"):
        try:
            spent += int(statistics.read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has ended
    return spent / 1e9


def with_descendants(process_id: int) -> list[int]:
    """A process and all that it has started, directly or not."""
    parents: dict[int, int] = {}
    for status in _PROC.glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = [process_id]
    for known in found:  # which grows
        found += [child for child, parent in parents.items() if parent == known]
    return found


class Stopwatch:
    """Processor time of several processes since it was made.

    Args:
        processes: By name; each stands for itself and what it has started by now.
    """

    def __init__(self, processes: dict[str, int]) -> None:
        self._processes = {name: with_descendants(process_id) for name, process_id in processes.items()}
        self._began = self._now()

    def spent(self) -> dict[str, float]:
        """Seconds by name."""
        now = self._now()
        return {name: now[name] - began for name, began in self._began.items()}

    def _now(self) -> dict[str, float]:
        return {
            name: sum(processor_seconds(each) for each in family) for name, family in self._processes.items()
        }
