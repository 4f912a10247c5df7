from django.urls import path

from operations.metrics.views import metrics
from operations.views import PROBES

urlpatterns = [
    *(path(name, view, name=name) for name, view in PROBES.items()),
    path("metrics", metrics, name="metrics"),
]
