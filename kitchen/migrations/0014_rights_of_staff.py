"""Give staff the permissions for what `is_staff` allowed them until now, so that an upgrade locks nobody out."""

from django.db import migrations

# (app, model, codename, name): what each member of the staff could do until now, by the kitchen's pages and sockets
ALLOWED = [
    ("home", "order", "view_order", "Can view order"),
    ("home", "order", "change_order", "Can change order"),
    ("home", "order", "deliver_order", "Can deliver orders: the driver’s page"),
    ("kitchen", "station", "view_station", "Can view station"),
    ("kitchen", "station", "change_station", "Can change station"),
    ("kitchen", "shop", "change_shop", "Can change shop"),
    ("kitchen", "study", "view_study", "Can view study"),
    ("kitchen", "study", "add_study", "Can add study"),
]


def allow(apps, schema_editor):
    """Superusers need no permission. Accounts made later get what the owner gives them."""
    staff = list(apps.get_model("auth", "User").objects.filter(is_staff=True, is_superuser=False))
    if staff:
        permissions = [permission(apps, *row) for row in ALLOWED]
        for user in staff:
            user.user_permissions.add(*permissions)


def permission(apps, app, model, codename, name):
    """Return a permission. Django makes them after all migrations, and leaves one alone that it finds."""
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label=app, model=model)
    permissions = apps.get_model("auth", "Permission").objects
    return permissions.get_or_create(content_type=kind, codename=codename, defaults={"name": name})[0]


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("kitchen", "0013_clock"),
    ]

    operations = [migrations.RunPython(allow, migrations.RunPython.noop)]
