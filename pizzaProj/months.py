"""Read from a setting for how many months something stays where it is."""

from django.core.exceptions import ImproperlyConfigured

NEVER, MOST_MONTHS = 0, 1200


def checked(name: str, text: str) -> int:
    """Return the whole number of months that a setting names; 0: nothing ever moves."""
    if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_MONTHS)) and int(text) <= MOST_MONTHS:
        return int(text)
    raise ImproperlyConfigured(
        f"{name} must be a whole number of months from 0 to {MOST_MONTHS} (0 is never), not “{text}”."
    )
