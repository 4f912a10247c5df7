from django.apps import AppConfig


class PromisesConfig(AppConfig):
    name = "kitchen.promises"

    def ready(self) -> None:
        from kitchen.promises import ledger  # noqa: F401  connects its receiver
