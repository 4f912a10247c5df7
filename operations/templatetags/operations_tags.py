"""What is wrong with the shop, for the front page of the admin."""

from django import template

from operations import lookout
from operations.findings import Finding

register = template.Library()


@register.simple_tag
def whats_wrong() -> list[Finding]:
    """Return what a look at everything finds, what is bad first."""
    return lookout.findings(lookout.lookout.look())
