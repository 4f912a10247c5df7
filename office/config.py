"""Name the site that the admin uses. In a module of its own: settings name it before any app is ready."""

from django.contrib.admin.apps import AdminConfig


class CarefulAdminConfig(AdminConfig):
    default_site = "office.site.CarefulSite"
