"""Who bought and sold: sixteen kinds of investors, invented from the day's volume."""

from __future__ import annotations

import zlib

from broker_server.simulator.koscom.calls import Row
from broker_server.simulator.koscom.tables import fields


def investor_rows(seed: str, volume: int, value: int) -> list[Row]:
    """The rows of a day.

    Args:
        seed: Of the shares of each kind.
        volume: Shares or contracts of the day.
        value: Money, in the unit of the table.
    """
    rows: list[Row] = []
    for number, name in fields()["codes"]["investor"].items():
        bought, sold = (zlib.crc32(f"{seed}/{number}/{side}".encode()) % 200 for side in ("bid", "ask"))
        rows.append(
            {
                "invstCd": f"{int(number):02d}",
                "invstNm": name,
                "askTrdvol": volume * sold // 1_000,
                "askTrdval": value * sold // 1_000,
                "bidTrdvol": volume * bought // 1_000,
                "bidTrdval": value * bought // 1_000,
            }
        )
    return rows
