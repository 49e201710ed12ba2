"""Run by Alembic with the connection that ``journal.database`` opened."""

from alembic import context

from broker_server.journal.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
