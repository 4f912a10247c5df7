from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.views import admin_log_in
from home.api.views import api

handler400 = "pizzaProj.turned_away.bad_request"
handler500 = "pizzaProj.unavailable.server_error"
urlpatterns = [
    # Before the admin's own URLs: the log-in has limits, and there is one page for a new password.
    path("admin/login/", admin_log_in),
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("kitchen/", include("kitchen.urls")),
    path("", include("chat.urls")),
    path("people/", include("accounts.people_urls")),
    path("", include("accounts.urls")),
    path("", include("operations.urls")),
    path("", include("home.urls")),
]
if settings.DEBUG:
    urlpatterns.append(path("__reload__/", include("django_browser_reload.urls")))
