from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "operations"

    def ready(self) -> None:
        from operations import signs  # noqa: F401  connects the receivers
        from operations.alarms import tally, watch  # noqa: F401  likewise
        from operations.metrics import levels

        levels.tell()
