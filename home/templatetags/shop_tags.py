"""Template tags for an order's stages, which are data: see kitchen/stages.py."""

from typing import Any

from django import template

from kitchen import stages

register = template.Library()
CSS_STEP = 5  # per cent; static/css/site.css has a class for each


@register.simple_tag
def progress_steps() -> str:
    """Return the per cent at which each stage ends, for static/js/progress.js."""
    return " ".join(str(stage.progress) for stage in stages.STAGES)


@register.filter
def bar_percent(payload: dict[str, Any] | str) -> int:
    """Return where an order's bar begins when the page is rendered; progress.js moves it from there."""
    if not payload or not isinstance(payload, dict) or payload["state"] == "cancelled":
        return 0
    if payload["state"] == "delivered":
        return 100
    before = [stage.progress for stage in stages.STAGES if stage.progress < payload["progress"]]
    return before[-1] // CSS_STEP * CSS_STEP if before else 0
