"""Actions on many rows, on their way through a worker."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class Run(models.Model):
    """An action on many rows of a table, as somebody asked for it. What is left to do follows from `position`."""

    class Status(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"
        FAILED = "failed"

    table = models.CharField(max_length=80)  # the model's label
    action = models.CharField(max_length=60)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    begun_at = models.DateTimeField(default=timezone.now)
    moved_at = models.DateTimeField(null=True)  # when a worker last took a row
    ended_at = models.DateTimeField(null=True)
    # until when the worker that has it keeps it; then another one goes on
    held_until = models.DateTimeField(null=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    total = models.PositiveIntegerField()
    position = models.PositiveIntegerField(default=0)  # rows that were taken
    done = models.PositiveIntegerField(default=0)
    refused = models.JSONField(default=dict)  # office.outcome.Outcome.refused

    class Meta:
        verbose_name = "action on many rows"
        verbose_name_plural = "actions on many rows"
        ordering = ["-pk"]
        indexes = [models.Index(name="running_runs", fields=["id"], condition=models.Q(status="running"))]

    def __str__(self) -> str:
        return f"{self.verb}: {self.total:,}"

    @property
    def verb(self) -> str:
        return self.action.removesuffix("_selected").replace("_", " ").capitalize()


class Selection(models.Model):
    """The rows of a run, [[key, version that was seen], ...]. Apart from it: a run is written once for each row."""

    run = models.OneToOneField(Run, models.CASCADE, primary_key=True, related_name="selection")
    rows = models.JSONField()

    def __str__(self) -> str:
        return str(self.run)
