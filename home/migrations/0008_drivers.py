"""The right to the drivers' page, and the group that has it."""

from django.db import migrations


def make_group(apps, schema_editor):
    """Make the group once, so that the owner only ticks it. One of that name that is there already stays as it is."""
    group, is_new = apps.get_model("auth", "Group").objects.get_or_create(name="Drivers")
    if is_new:
        # Django makes the permissions of a model after all migrations, and leaves one alone that it finds.
        model, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label="home", model="order")
        permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
            content_type=model,
            codename="deliver_order",
            defaults={"name": "Can deliver orders: the driver’s page"},
        )
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("home", "0007_by_hand"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="order",
            options={
                "ordering": ["-pk"],
                "permissions": [("deliver_order", "Can deliver orders: the driver’s page")],
            },
        ),
        migrations.RunPython(make_group, migrations.RunPython.noop),
    ]
