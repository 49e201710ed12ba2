"""Run by Alembic with the connection that ``journal.database`` opened, for the schema that it names."""

from alembic import context

schema = context.config.attributes["schema"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.version_table,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
