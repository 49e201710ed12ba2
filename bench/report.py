"""What was measured: sections of rows, printed as a table and written as a page."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

WIDTH = 150
"""Of the table, in characters."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        name: What was measured.
        figure: Ours.
        against: What it is compared with, and its figure.
        value: The ratio or difference of the two.
        target: What it should be; empty where there is none.
        met: Whether it is.
    """

    name: str
    figure: str
    against: str
    value: str
    target: str
    met: bool

    @property
    def verdict(self) -> str:
        """In one word; none without a target."""
        if not self.target:
            return ""
        return "met" if self.met else "missed"


@dataclass(slots=True)
class Section:
    """Rows that were measured in one way.

    Attributes:
        title: Of what.
        how: In which way, in sentences.
        rows: In order.
    """

    title: str
    how: str
    rows: list[Row] = field(default_factory=list)


class Report:
    """Collects the figures and the verdicts.

    Attributes:
        sections: In order.
    """

    def __init__(self) -> None:
        self.sections: list[Section] = []

    def begin(self, title: str, how: str) -> None:
        """Let the following lines be of this section."""
        self.sections.append(Section(title, how))

    def add(self, name: str, figure: str, against: str, value: str, target: str, *, met: bool) -> None:
        """Add a line."""
        if not self.sections:
            self.begin("bench", "")
        self.sections[-1].rows.append(Row(name, figure, against, value, target, met))

    @property
    def missed(self) -> int:
        """How many targets were not met."""
        return sum(not row.met for section in self.sections for row in section.rows)

    def show(self) -> int:
        """Print the table; the exit code of a command that did nothing else."""
        table = Table(
            "measurement", "figure", "against", "ratio or difference", "target", "", title="sapi-broker bench"
        )
        for section in self.sections:
            for row in section.rows:
                colour = "green" if row.met else "red"
                verdict = f"[{colour}]{row.verdict}[/]"
                table.add_row(row.name, row.figure, row.against, row.value, row.target, verdict)
            table.add_section()
        Console(width=WIDTH).print(table)
        return 1 if self.missed else 0
