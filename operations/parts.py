"""Are the parts of the shop at work? Answered from the signs that they leave in Valkey."""

from collections.abc import Iterator
from functools import partial

import redis
from django.conf import settings

from operations.findings import Check, Finding
from operations.signs import BEAT, SWEEP, WEB, WORKER, client_of, signs
from pizzaProj import waits

WORDS = {
    WORKER: ("No worker is at work", "Start one: celery -A celery_app worker"),
    BEAT: ("Beat is not at work", "Start one, and only one: celery -A celery_app beat"),
    SWEEP: ("There was no recovery sweep", "A worker runs it every two seconds: look into the worker's log."),
    WEB: ("No web is at work", "Start one: daphne pizzaProj.asgi:application"),
}


def find_silent(name: str) -> Iterator[Finding]:
    """Find a part that has given no sign of life lately."""
    (age,) = signs.ages([name])
    sentence, remedy = WORDS[name]
    if age is None:
        yield Finding(f"{sentence}.", remedy)
    elif age > waits.SIGN_SECONDS:
        yield Finding(f"{sentence}: the last sign of it was {in_words(age)} ago.", remedy)


def age(name: str) -> dict[str, float | None]:
    (seconds,) = signs.ages([name])
    return {"age_seconds": None if seconds is None else round(seconds, 1)}


def find_away() -> Iterator[Finding]:
    """Raise RedisError if the server is away."""
    signs.ages([WORKER])
    yield from ()


def find_live_away() -> Iterator[Finding]:
    """Find servers of live updates that are away. Their pages are served, only later: the shop is ready."""
    for number, url in enumerate(settings.LIVE_REDIS_URLS, 1):
        try:
            with client_of(url) as client:
                client.ping()
        except (redis.RedisError, OSError, ValueError):
            words = f"Server {number} of those for live updates does not answer: its pages are seconds behind."
            yield Finding(words, "Look at the one that LIVE_REDIS_URLS names at that place.", is_bad=False)


def in_words(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


CHECKS = (
    Check("valkey", find_away, "Valkey answers."),
    Check(WORKER, partial(find_silent, WORKER), "A worker is at work.", partial(age, WORKER)),
    Check(BEAT, partial(find_silent, BEAT), "Beat is at work.", partial(age, BEAT)),
    Check(SWEEP, partial(find_silent, SWEEP), "The recovery sweep runs.", partial(age, SWEEP)),
)
LIVE_CHECKS = (Check("live_updates", find_live_away, "All servers of live updates answer."),)  # if they have their own
WEB_CHECK = Check(WEB, partial(find_silent, WEB), "A web is at work.")  # for beat; a web need not ask
