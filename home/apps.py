from django.apps import AppConfig


class HomeConfig(AppConfig):
    name = "home"
    verbose_name = "Shop"

    def ready(self) -> None:
        from home import sharing, signals  # noqa: F401  connects the receivers
