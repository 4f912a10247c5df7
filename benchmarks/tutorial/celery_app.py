"""The tutorial's Celery application."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.tutorial.settings")

app = Celery("tutorial")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
