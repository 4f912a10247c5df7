from django.db import migrations

from pizzaProj.postgresql.indexes import add_to, add_without_case, remove


class Migration(migrations.Migration):
    """Accounts by name or e-mail address in any case, and the few that differ from the others."""

    atomic = False

    dependencies = [
        ("accounts", "0003_staff"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunPython(add_without_case("auth_user", "accounts_name", "username"), remove("accounts_name")),
        migrations.RunPython(add_without_case("auth_user", "accounts_email", "email"), remove("accounts_email")),
        migrations.RunPython(
            add_to("auth_user", "accounts_superusers", "(username) WHERE is_superuser"), remove("accounts_superusers")
        ),
        migrations.RunPython(
            add_to("auth_user", "accounts_inactive", "(username) WHERE NOT is_active"), remove("accounts_inactive")
        ),
    ]
