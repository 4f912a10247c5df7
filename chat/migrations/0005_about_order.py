from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0004_request_kind"),
    ]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="about_order",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
