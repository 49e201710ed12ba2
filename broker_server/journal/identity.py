"""The name of this journal, which is pinned at the broker: another journal knows nothing of its orders."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from broker_server.journal.tables import journal_identity


def journal_id(engine: Engine, now: datetime) -> str:
    """The journal's id; made when it has none. Blocks, and may raise ``SQLAlchemyError``."""
    query = select(journal_identity.c.journal_id)
    with engine.connect() as connection:
        found = connection.execute(query).scalar()
    if found is None:
        try:
            with engine.begin() as connection:
                connection.execute(
                    insert(journal_identity).values(number=1, journal_id=str(uuid.uuid4()), created_at=now)
                )
        except IntegrityError:
            pass  # another worker was faster
        with engine.connect() as connection:
            found = connection.execute(query).scalar_one()
    return str(found)
