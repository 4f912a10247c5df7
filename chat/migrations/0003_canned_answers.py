"""Add a few canned answers to begin with. Staff write their own in the admin."""

from django.db import migrations

ANSWERS = {
    "In the oven": "Your pizza is in the oven right now. It won't be long.",
    "Allergens": "Tell us what you must not eat, and we will check what is in your pizza.",
    "Too late to change": "I am sorry, your pizza is already being made, so we can't change it any more.",
    "On its way": "Your order has left the shop and is on its way to you.",
    "Something was wrong": "I am sorry about that. Tell us what was wrong, and we will put it right.",
}


def seed(apps, schema_editor):
    canned = apps.get_model("chat", "CannedAnswer")
    for title, body in ANSWERS.items():
        canned.objects.get_or_create(title=title, defaults={"body": body})


class Migration(migrations.Migration):
    dependencies = [("chat", "0002_conversations")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
