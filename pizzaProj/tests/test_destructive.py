"""Migrations since 0.8.0 only add. What takes something away is named, with what to do instead."""

import pytest
from django.db import migrations, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models.functions import Now

from pizzaProj.tests import destructive

BASELINE = {  # the newest of 0.8.0
    "accounts": "0002_friendship_declined_at",
    "chat": "0004_request_kind",
    "home": "0004_open_orders",
    "kitchen": "0007_station_stage",
}
LANDED = {  # before there was this test
    ("home", "0005_items"): "0.9.0: columns without a db_default. Code of 0.8.0 must be stopped before.",
    ("kitchen", "0008_items"): "0.9.0: likewise",
}


NEVER_FREE = models.CheckConstraint(name="never_free", condition=models.Q(amount__gt=0))


def named(*operations: Operation, **attributes: str) -> list[str]:
    """Return what is said of a migration of these operations, on top of the newest ones."""
    migration = type("Made", (Migration,), {"operations": operations, **attributes})("0999_made", "home")
    loader = MigrationLoader(None)
    return destructive.faults_of(migration, loader.project_state(loader.graph.leaf_nodes()))


def test_ours_only_add() -> None:
    assert destructive.faults_since(BASELINE, LANDED) == []


def test_those_that_landed_before_would_be_named() -> None:
    faults = destructive.faults_since(BASELINE, {})
    assert {fault.partition(":")[0] for fault in faults} == {".".join(key) for key in LANDED}
    assert "home.0005_items: Add field way to order, which old code does not write." in " ".join(faults)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (migrations.RemoveField("order", "rushed"), "Stop using it in this release"),
        (migrations.DeleteModel("OrderLine"), "Stop using it in this release"),
        (migrations.RenameField("pizza", "price", "cost"), "Add a field of the new name"),
        (migrations.RenameModel("Pizza", "Pie"), "Give the model its old table"),
        (migrations.AlterModelTable("pizza", "pies"), "Keep the table's name"),
        (migrations.AlterField("pizza", "name", models.TextField()), "Add a field of the new kind"),
        (migrations.AlterField("pizza", "name", models.CharField(max_length=7)), "Add a field of the new kind"),
        (migrations.AlterField("order", "ready_at", models.DateTimeField()), "old code still writes NULL"),
        (migrations.AddField("order", "tip", models.IntegerField(default=0)), "Give it a db_default"),
        (migrations.AddConstraint("order", NEVER_FREE), "Keep to it in the code of this release"),
        (migrations.AlterUniqueTogether("order", {("seq", "stage")}), "Keep to it in the code of this release"),
        (
            migrations.AlterField("pizza", "description", models.CharField(max_length=200, unique=True)),
            "which forbids what old code may write",
        ),
        (migrations.AlterField("order", "overdue", models.BooleanField(default=False)), "Keep its db_default"),
        (migrations.RunSQL("ALTER TABLE home_order ADD CONSTRAINT x CHECK (id > 0)"), "with ADD CONSTRAINT"),
        (migrations.RunSQL("DELETE FROM home_order"), "with DELETE FROM"),
        (migrations.RunSQL("CREATE UNIQUE INDEX x ON home_order (seq)"), "with UNIQUE INDEX"),
        (migrations.AddField("order", "tip", models.IntegerField(unique=True, db_default=0)), "which forbids"),
        (migrations.AlterField("order", "ready_at", models.DateTimeField(db_default=Now())), "still writes NULL"),
        (migrations.RunSQL("ALTER TABLE home_order ALTER COLUMN stage TYPE text"), "with ALTER COLUMN STAGE TYPE"),
        (migrations.RunSQL(["DROP TABLE home_order"]), "with DROP"),
        (
            migrations.SeparateDatabaseAndState(database_operations=[migrations.RunSQL("drop index x")]),
            "Add beside it what is new",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Operation) else "",
)
def test_what_takes_away_is_named_with_what_to_do_instead(operation: Operation, words: str) -> None:
    (fault,) = named(operation)
    assert fault.startswith("home.0999_made: ") and words in fault
    assert named(operation, contracts="Nobody has read it since 0.11.") == []


@pytest.mark.parametrize(
    "operation",
    [
        migrations.CreateModel("Tip", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("order", "tip", models.IntegerField(default=0, db_default=0)),
        migrations.AddField("order", "tip", models.IntegerField(null=True)),
        migrations.AddField("order", "tip", models.IntegerField(null=True, unique=True)),
        migrations.AlterUniqueTogether("order", set()),
        migrations.AlterField("order", "ready_at", models.DateTimeField(null=True, verbose_name="ready")),
        migrations.RunSQL("CREATE INDEX tips ON home_order (id)"),
        migrations.RunPython(migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("order", "seq")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_adds_is_not(operation: Operation) -> None:
    assert named(operation) == []


def test_a_new_model_can_forbid_what_it_likes() -> None:
    tip = migrations.CreateModel(
        "Tip", [("id", models.BigAutoField(primary_key=True)), ("amount", models.IntegerField())]
    )
    assert named(tip, migrations.AddConstraint("tip", NEVER_FREE)) == []
