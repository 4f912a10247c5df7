from django.db import migrations

from pizzaProj.postgresql.indexes import add_to, remove

LOG = "django_admin_log"


class Migration(migrations.Migration):
    """The admin's log for ever: what somebody did lately, and what was done to a row."""

    atomic = False

    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("office", "0001_runs"),
    ]

    operations = [
        migrations.RunPython(
            add_to(LOG, "office_log_of_user", "(user_id, action_time DESC)"), remove("office_log_of_user")
        ),
        migrations.RunPython(
            add_to(LOG, "office_log_of_row", "(content_type_id, object_id, action_time)"), remove("office_log_of_row")
        ),
    ]
