"""Template tags for an order's stages, which are data: see kitchen/stages.py."""

from typing import Any

from django import template

from kitchen import stages

register = template.Library()
CSS_STEP = 5  # per cent; static/css/site.css has a class for each


@register.simple_tag
def progress_steps() -> str:
    """Return the per cent at which each stage ends, for static/js/progress.js."""
    return " ".join(f"{stage.code}={stage.progress}" for stage in stages.STAGES)


@register.simple_tag
def stage_words() -> dict[str, dict[str, str]]:
    """Return what is said of a pizza at each stage, in each state, for static/js/pizzas.js."""
    return {
        stage.code: {
            "working": stage.working,
            "waiting": stage.waiting,
            "held": "On hold",
            "done": stage.together or stage.label,
            "delivered": stage.working,
            "cancelled": stage.working,
        }
        for stage in stages.BY_CODE.values()
    }


@register.filter
def words_of_pizza(pizza: dict[str, Any]) -> str:
    """Return where one pizza of an order is."""
    return stage_words()[pizza["stage"]][pizza["state"]]


@register.filter
def steps_of(way: str) -> list[dict[str, Any]]:
    """Return the stages that an order passes on its way: code, label and progress."""
    return [
        {"code": code, "label": stages.label(code, way), "progress": stages.BY_CODE[code].progress}
        for code in stages.ROUTES[way].stages
    ]


@register.filter
def label_of_way(way: str) -> str:
    return stages.ROUTES[way].label if way else ""


@register.filter
def pizzas_apart(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pizzas of an order of several while they are made one by one; none once it goes on as a whole."""
    pizzas = [pizza for pizza in payload["items"] if pizza["state"] != "cancelled"]
    is_apart = len(pizzas) > 1 and payload["items_done"] < len(pizzas) and payload["stage"] not in stages.ENDED
    return pizzas if is_apart else []


@register.filter
def bar_percent(payload: dict[str, Any] | str) -> int:
    """Return where an order's bar begins when the page is rendered; progress.js moves it from there."""
    if not payload or not isinstance(payload, dict) or payload["state"] == "cancelled":
        return 0
    if payload["state"] == "delivered":
        return 100
    parts = pizzas_apart(payload) or [payload]
    return int(sum(map(_begin, parts)) / len(parts)) // CSS_STEP * CSS_STEP


def _begin(part: dict[str, Any]) -> int:
    """Return the per cent at which the stage before ended; what is ready to collect has nothing left to wait for."""
    progress = stages.BY_CODE[part["stage"]].progress
    if part["stage"] == stages.READY:
        return progress
    return max((stage.progress for stage in stages.STAGES if stage.progress < progress), default=0)
