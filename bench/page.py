"""``docs/benchmarks.md``: the figures of a run, with what they were measured on and how."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from bench.report import Report, Row

_HEAD = """# Benchmarks

Written by `make bench` on {day}, in {minutes:.0f} minutes.
{met} of {targets} targets were met.

The figures depend on the machine; the ratios are what counts, because both sides of a ratio were measured in
one run, in turn. RabbitMQ, the worker, the client and the simulated brokerage share the machine. Nothing here
was measured at a brokerage.

"""
_COLUMNS = ("measurement", "figure", "against", "ratio or difference", "target", "")


def render(
    report: Report,
    *,
    machine: Iterable[tuple[str, str]],
    versions: Iterable[tuple[str, str]],
    day: date,
    seconds: float,
) -> str:
    """The page.

    Args:
        report: What was measured.
        machine: What it was measured on.
        versions: Of what.
        day: When.
        seconds: How long it took.
    """
    rows = [row for section in report.sections for row in section.rows if row.target]
    met = sum(row.met for row in rows)
    parts = [_HEAD.format(day=day.isoformat(), minutes=seconds / 60, met=met, targets=len(rows))]
    parts.append(_table(("machine", ""), machine))
    for section in report.sections:
        parts.append(f"\n## {section.title}\n\n")
        parts.append(_table(_COLUMNS, [_cells(row) for row in section.rows]))
        parts.append(f"\n{section.how}\n")
    parts.append("\n## Versions\n\n")
    parts.append(_table(("", "version"), versions))
    return "".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    return row.name, row.figure, row.against, row.value, row.target, row.verdict


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
