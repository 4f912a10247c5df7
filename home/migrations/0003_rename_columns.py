"""Columns get the names that the field uses. Plain renames: nothing is rewritten, on neither database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("home", "0002_promises_and_shares")]

    operations = [
        migrations.RenameField("order", "plan", "epoch"),
        migrations.RenameField("order", "click", "idempotency_key"),
        migrations.RenameField("order", "woken_at", "recovered_at"),
    ]
