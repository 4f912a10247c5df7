from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from home.api.views import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("kitchen/", include("kitchen.urls")),
    path("", include("home.urls")),
]
if settings.DEBUG:
    urlpatterns.append(path("__reload__/", include("django_browser_reload.urls")))
