from django.urls import path

from operations.views import PROBES

urlpatterns = [path(name, view, name=name) for name, view in PROBES.items()]
