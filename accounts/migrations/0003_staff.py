from django.db import migrations

from pizzaProj.postgresql.indexes import add_to, remove


class Migration(migrations.Migration):
    """The few members of the staff among all accounts."""

    atomic = False

    dependencies = [
        ("accounts", "0002_friendship_declined_at"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunPython(
            add_to("auth_user", "accounts_staff", "(username) WHERE is_staff"), remove("accounts_staff")
        ),
    ]
