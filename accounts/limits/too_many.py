"""Say that a limit is exceeded, and when to come back."""

from math import ceil

from django.core.exceptions import ValidationError
from django.http import HttpResponse

STATUS = 429
TOO_MANY = "Too many attempts."
BUSY = "Many people are at the door right now."
TOO_MANY_CODE = "too_many"
IN_SECONDS = 100  # up to here, seconds are said


class TooMany(ValidationError):
    """A limit is exceeded. It is a ValidationError, so a form shows it like any other; the answer's status is 429."""

    def __init__(self, seconds: float, words: str = TOO_MANY) -> None:
        self.retry_after_seconds = max(1, ceil(seconds))
        self.sentence = f"{words} Try again in {in_words(self.retry_after_seconds)}."
        super().__init__(self.sentence, code=TOO_MANY_CODE)

    def answered_by(self, response: HttpResponse) -> HttpResponse:
        """Give the response, which has the sentence, its status and the time to come back."""
        response.status_code = STATUS
        response["Retry-After"] = str(self.retry_after_seconds)
        return response


class Busy(TooMany):
    """It is nobody's fault: others are being served, and so the attempt does not count."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds, BUSY)


def in_words(seconds: int) -> str:
    if seconds == 1:
        return "a second"
    return f"{seconds} seconds" if seconds <= IN_SECONDS else f"{ceil(seconds / 60)} minutes"
