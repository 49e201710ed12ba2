"""The name of this journal, which is pinned at the broker: another journal knows nothing of its orders."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Engine, select

from broker_server.journal.tables import journal_identity
from broker_server.journal.upserts import upsert

_ONLY_ROW = 1


def journal_id(engine: Engine, now: datetime) -> str:
    """The journal's id; made when it has none. Blocks, and may raise ``SQLAlchemyError``."""
    query = select(journal_identity.c.journal_id).where(journal_identity.c.number == _ONLY_ROW)
    with engine.connect() as connection:
        found = connection.execute(query).scalar()
    if found is None:
        row = {"number": _ONLY_ROW, "journal_id": str(uuid.uuid4()), "created_at": now}
        with engine.begin() as connection:
            connection.execute(upsert(engine, journal_identity).values(row).on_conflict_do_nothing())
        # Another worker may have been faster.
        with engine.connect() as connection:
            found = connection.execute(query).scalar_one()
    return str(found)
