from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.views import admin_log_in, view_on_site
from home.api.views import api
from pizzaProj.pages.whose import who_is_here

handler400 = "pizzaProj.refusals.bad_request"
handler404 = "pizzaProj.refusals.page_not_found"
handler500 = "pizzaProj.unavailable.server_error"
urlpatterns = [
    # Before the admin's own URLs: the log-in has limits, there is one page for a new password, and an order's address
    # is told to those who can see the order.
    path("admin/login/", admin_log_in),
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("admin/r/<path:content_type_id>/<path:object_id>/", view_on_site),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("kitchen/", include("kitchen.urls")),
    path("", include("chat.urls")),
    path("people/", include("accounts.people_urls")),
    path("", include("accounts.urls")),
    path("", include("keeping.urls")),
    path("", include("operations.urls")),
    path("", include("home.urls")),
    path("whose/", who_is_here, name="whose"),
]
if settings.DEBUG:
    urlpatterns.append(path("__reload__/", include("django_browser_reload.urls")))
