"""The page of benchmarks: every row with its verdict and how it was measured, and the machine."""

from __future__ import annotations

from datetime import date

from bench.machine import machine
from bench.page import render
from bench.report import Report
from bench.stalled import Unread, stalled_between


def test_the_page_has_rows_ways_machine_and_versions() -> None:
    report = Report()
    report.begin("Tasks", "Five rounds in turn.")
    report.add("ping", "5,000/s", "an | echo 6,000/s", "0.83", "≥ 0.75", met=True)
    report.add("idle", "150 MB", "", "", "≤ 120 MB", met=False)
    report.add("only told", "3 ms", "", "", "", met=True)
    page = render(
        report,
        machine=[("processor", "a processor")],
        versions=[("Celery", "5.7.0")],
        day=date(2026, 11, 26),
        seconds=300,
    )
    assert "on 2026-11-26, in 5 minutes.\n1 of 2 targets were met." in page
    assert "| ping | 5,000/s | an / echo 6,000/s | 0.83 | ≥ 0.75 | met |" in page
    assert "| idle | 150 MB |  |  | ≤ 120 MB | missed |" in page
    assert "| only told | 3 ms |  |  |  |  |" in page
    for line in ("## Tasks", "Five rounds in turn.", "| processor | a processor |", "| Celery | 5.7.0 |"):
        assert f"\n{line}\n" in page
    assert report.missed == 1


def test_the_machine_is_told() -> None:
    told = dict(machine())
    assert int(told["cores that this process may use"]) >= 1
    assert told["memory"].endswith(" GiB")
    assert told["kernel"].startswith("Linux")


def test_a_client_that_read_something_is_not_stalled() -> None:
    before = {1: Unread(100, 50), 2: Unread(100, 50), 3: Unread(100, 50), 4: Unread(100, 50)}
    after = {1: Unread(100, 50), 2: Unread(90, 50), 3: Unread(120, 40)}
    assert stalled_between(before, after).keys() == {1}
