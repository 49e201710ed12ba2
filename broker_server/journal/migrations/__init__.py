"""The schema of the journal, version by version (Alembic)."""
