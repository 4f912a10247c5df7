from django.db import migrations, models

import kitchen.stages

OLD, NEW = "Broom: wake forgotten orders", "Recovery sweep: new chains for lost ones"


def rename_job(old, new):
    def rename(apps, schema_editor):
        apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=old).update(name=new)

    return rename


class Migration(migrations.Migration):
    dependencies = [("kitchen", "0006_distributions"), ("django_celery_beat", "0019_alter_periodictasks_options")]

    operations = [
        migrations.AlterModelOptions("station", {}),
        migrations.AlterField(
            "station",
            "stage",
            models.CharField(choices=kitchen.stages.worked_choices, max_length=20, unique=True),
        ),
        migrations.RunPython(rename_job(OLD, NEW), rename_job(NEW, OLD)),
    ]
