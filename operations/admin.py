"""Beat's jobs in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.admin import PeriodicTaskAdmin
from django_celery_beat.models import PeriodicTask

admin.site.unregister(PeriodicTask)


@admin.register(PeriodicTask)
class JobAdmin(PeriodicTaskAdmin):  # type: ignore[misc]
    # Beat writes to its jobs every few seconds; a job that is switched off forgets when it last ran.
    volatile = ["last_run_at", "total_run_count", "date_changed"]
    follows = {"enabled": ["last_run_at"]}

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer to switch jobs off, and to run them, to those who can change them: django-celery-beat asks nobody."""
        offered: dict[str, Any] = super().get_actions(request)
        if self.has_change_permission(request):
            return offered
        return {name: action for name, action in offered.items() if name not in self.actions}
