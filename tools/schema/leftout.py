"""What no reader takes for a part of the schema: oneplan's own objects and other migration tools' bookkeeping."""

from __future__ import annotations

OWN_NAMESPACE = "oneplan"
OWN_PREFIX = "_oneplan_"

BOOKKEEPING = frozenset({
    "alembic_version", "_prisma_migrations", "flyway_schema_history", "databasechangelog", "databasechangeloglock",
    "schema_migrations", "ar_internal_metadata", "django_migrations", "knex_migrations", "knex_migrations_lock",
    "goose_db_version", "__drizzle_migrations", "sequelizemeta", "atlas_schema_revisions", "__efmigrationshistory",
    "_sqlx_migrations", "refinery_schema_history", "__diesel_schema_migrations", "gorp_migrations",
    "_sqlite_utils_migrations",
})  # fmt: skip
"""Tables in which other tools keep which migrations have run, lower case."""


def is_left_out(name: str, namespace: str = "") -> bool:
    """Whether a table, view or index of this name is nobody's schema."""
    lowered = name.lower()
    return namespace == OWN_NAMESPACE or lowered.startswith(OWN_PREFIX) or lowered in BOOKKEEPING
