"""Run by Alembic: migrate on the connection that ``Database.migrate`` gives."""

from alembic import context

from dealcast.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's transactions cover its schema too, once the driver leaves them
    # alone: a migration that is killed half way leaves nothing behind.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
