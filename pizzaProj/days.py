"""Read from a setting for how many days something is kept."""

from django.core.exceptions import ImproperlyConfigured

FOR_EVER = 0
MOST_DAYS = 36_500
MOST_DIGITS = 6


def checked(name: str, text: str, least: int = FOR_EVER, most: int = MOST_DAYS) -> int:
    """Return the whole number of days that a setting names."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS and least <= int(text) <= most:
        return int(text)
    for_ever = " (0 is for ever)" if least == FOR_EVER else ""
    raise ImproperlyConfigured(
        f"{name} must be a whole number of days from {least} to {most}{for_ever}, not “{text}”."
    )
