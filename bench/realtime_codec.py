"""How fast KIS's real-time trades are decoded to typed values: ``python -m bench.realtime_codec``."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from bench.report import Report
from broker_server.vendors.kis.codec import decode_records
from broker_server.vendors.kis.frames import DataFrame, parse_frame
from broker_server.vendors.kis.realtime_table import realtime_trs

TR = "H0STCNT0"
NAMES = [field.name for field in realtime_trs()[TR].fields]
NUMBERS = [field.name for field in realtime_trs()[TR].fields if field.kind in ("int", "decimal")]
KEY = "005930"
ROUNDS = 9
RECORDED = (
    "005930^093354^71900^5^-100^-0.14^72023.83^72100^72400^71700^71900^71800^1^3052507^219853241700"
    "^5105^6937^1832^84.90^1366314^1159996^1^0.39^20.28^090020^5^-200^090820^5^-500^092619^2^200"
    "^20230612^20^N^65945^216924^1118750^2199206^0.05^2424142^125.92^0^^72100"
)
"""The portal's example."""
RECORDS = 6_000
PER_FRAME = (1, 4, 20)
"""Records in a frame: quiet, busy, and the opening of the market."""
SLOW_RECORDS, SLOWEST_RECORDS = 1_200, 120
"""So many are enough where they take long."""
TARGET = 100_000
_FRAMES = ", ".join(map(str, PER_FRAME))
HOW = (
    f"{RECORDS:,} trades of `{TR}` ({len(NAMES)} values each) in frames of {_FRAMES}, decoded in one "
    f"thread; records a second of processor time, the best of {ROUNDS} rounds in turn. python-kis types "
    "21 of the values, the vendor's sample none."
)

Decode = Callable[[str], int]
"""Decodes a frame and says how many records it had."""


def trades(count: int, seed: int) -> list[list[str]]:
    """Trades of one day whose numbers go on as a day's do, so that no two are alike."""
    chance = random.Random(seed)  # noqa: S311 - a price path, no secret
    price, volume, value, sold, bought = 71_900, 0, 0, 0, 0
    found = []
    for number in range(count):
        price += chance.choice((-100, 0, 0, 100))
        quantity = chance.randint(1, 900)
        sells = chance.random() < 0.5
        volume, value = volume + quantity, value + quantity * price
        sold, bought = sold + quantity * sells, bought + quantity * (not sells)
        moving = {
            "STCK_CNTG_HOUR": f"{9 + number // 3600 % 6:02}{number // 60 % 60:02}{number % 60:02}",
            "STCK_PRPR": price,
            "PRDY_VRSS": price - 72_000,
            "PRDY_CTRT": f"{(price - 72_000) / 720:.2f}",
            "WGHN_AVRG_STCK_PRC": f"{value / volume:.2f}",
            "ASKP1": price + 100,
            "BIDP1": price,
            "CNTG_VOL": quantity,
            "ACML_VOL": volume,
            "ACML_TR_PBMN": value,
            "SELN_CNTG_CSNU": number // 2,
            "SHNU_CNTG_CSNU": number // 3,
            "NTBY_CNTG_CSNU": number // 3 - number // 2,
            "CTTR": f"{bought / (sold or 1) * 100:.2f}",
            "SELN_CNTG_SMTN": sold,
            "SHNU_CNTG_SMTN": bought,
            "CCLD_DVSN": 5 if sells else 1,
            "ASKP_RSQN1": chance.randint(1, 99_999),
            "BIDP_RSQN1": chance.randint(1, 99_999),
            "PRDY_SMNS_HOUR_ACML_VOL_RATE": f"{volume / 24_241:.2f}",
        }
        found.append(
            [str(moving.get(name, text)) for name, text in zip(NAMES, RECORDED.split("^"), strict=True)]
        )
    return found


def frames_of(records: Sequence[Sequence[str]], per_frame: int) -> list[str]:
    """The records as they come from the wire."""
    return [
        f"0|{TR}|{per_frame:03}|"
        + "^".join("^".join(record) for record in records[start : start + per_frame])
        for start in range(0, len(records), per_frame)
    ]


def ours(text: str) -> int:
    """The codec, with all its checks."""
    frame = parse_frame(text)
    assert isinstance(frame, DataFrame)
    return len(decode_records(frame, {KEY}).records)


def naive(text: str) -> int:
    """What one writes first: names and values side by side, every number a ``Decimal``, nothing checked."""
    _, _, count, payload = text.split("|", 3)
    values = payload.split("^")
    width = len(values) // int(count)
    records: list[dict[str, Any]] = []
    for start in range(0, len(values), width):
        record: dict[str, Any] = dict(zip(NAMES, values[start : start + width], strict=False))
        for name in NUMBERS:
            try:
                record[name] = Decimal(record[name])
            except InvalidOperation:
                record[name] = None
        records.append(record)
    return len(records)


def untyped(text: str) -> int:
    """The floor: names and texts side by side, no number converted and nothing checked."""
    _, _, count, payload = text.split("|", 3)
    values = payload.split("^")
    width = len(values) // int(count)
    rows = (values[start : start + width] for start in range(0, len(values), width))
    return len([dict(zip(NAMES, row, strict=False)) for row in rows])


def per_second(decode: Decode, frames: Sequence[str]) -> float:
    """Records decoded in a second of processor time, which is what one core would do."""
    began = time.process_time()
    count = sum(map(decode, frames))
    return count / (time.process_time() - began)


def measure_codec(report: Report) -> None:
    """Add the lines of the codec to a `Report`.

    A figure is the best of its rounds: a busy machine makes them slower, nothing makes them faster.
    """
    from bench.other_decoders import python_kis, vendor_sample  # which are slow to import

    records = trades(RECORDS, seed=1)
    for per_frame in PER_FRAME:
        frames = frames_of(records, per_frame)
        others: list[tuple[str, Decode, Sequence[str]]] = [
            ("python-kis", python_kis, frames[: SLOW_RECORDS // per_frame]),
            ("dict(zip) and Decimal", naive, frames),
            ("dict(zip), no types", untyped, frames),
        ]
        if per_frame == 1:
            others.insert(1, ("the vendor's sample, pandas", vendor_sample, frames[:SLOWEST_RECORDS]))
        own: list[float] = []
        theirs: dict[str, list[float]] = {name: [] for name, _, _ in others}
        for _ in range(ROUNDS):
            own.append(per_second(ours, frames))
            for name, decode, given in others:
                theirs[name].append(per_second(decode, given))
        for name, figures in theirs.items():
            ratio = statistics.median(one / other for one, other in zip(own, figures, strict=True))
            report.add(
                f"decode {TR}, {per_frame} a frame",
                f"{max(own):,.0f}/s",
                f"{name} {max(figures):,.0f}/s",
                f"{ratio:,.2f}",
                f"≥ {TARGET:,}/s",
                met=max(own) >= TARGET,
            )


def main() -> int:
    """Measure this alone."""
    report = Report()
    measure_codec(report)
    return report.show()


if __name__ == "__main__":
    raise SystemExit(main())
