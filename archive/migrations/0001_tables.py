"""The archive's tables on PostgreSQL, with a partition for each month. On SQLite they are in a file of their own."""

from django.core.management import CommandError
from django.db import migrations

from archive.databases import postgresql, sqlite

HOLDS = "SELECT 1 FROM auth_user UNION ALL SELECT 1 FROM home_order LIMIT 1"


def make_tables(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in postgresql.TABLES:
            schema_editor.execute(table)
    else:
        refuse_another(schema_editor.connection)


def refuse_another(connection):
    """Refuse to begin a new shop beside an archive: its orders would be shown to whoever gets the same numbers."""
    if sqlite.path().exists() and not holds_anything(connection):
        raise CommandError(f"There is the archive of another shop: {sqlite.path()}. Move it away, or delete it.")


def holds_anything(connection):
    if not {"auth_user", "home_order"} <= set(connection.introspection.table_names()):
        return False
    with connection.cursor() as cursor:
        cursor.execute(HOLDS)
        return cursor.fetchone() is not None


def remove_tables(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TABLE IF EXISTS archive_order, archive_deed")


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [migrations.RunPython(make_tables, remove_tables)]
