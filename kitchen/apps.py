from django.apps import AppConfig


class KitchenConfig(AppConfig):
    name = "kitchen"

    def ready(self) -> None:
        from kitchen import checks, signals, tasks  # noqa: F401  connects the receivers
