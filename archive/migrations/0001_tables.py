"""The archive's tables on PostgreSQL, with a partition for each month. On SQLite they are in a file of their own."""

from django.db import migrations

from archive.databases import postgresql


def make_tables(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in postgresql.TABLES:
            schema_editor.execute(table)


def remove_tables(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TABLE IF EXISTS archive_order, archive_deed")


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [migrations.RunPython(make_tables, remove_tables)]
