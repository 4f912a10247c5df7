from django.apps import AppConfig


class KeepingConfig(AppConfig):
    name = "keeping"

    def ready(self) -> None:
        from keeping import leaving  # noqa: F401  connects its receiver
