"""What an alarm says. It is read far from the shop: no path, no address and nobody's name is in it."""

from collections.abc import Sequence

from pizzaProj.limits import MINUTE_SECONDS

NOT_READY, TEST = "not_ready", "test"

# What was found, and what it was mostly, when there was much of it; docs/operating.md says what to do.
FOUND = {
    "lost_link": "{count} lost links of the kitchen were sent again within {minutes} minutes: a worker was killed, or "
    "the broker has lost its messages. The orders go on, a few seconds late.",
    "empty_place": "{count} works stood in line beside a free place within {minutes} minutes, and begin now: "
    "something changes the kitchen's tables without its rules.",
    "moment_ahead": "{count} orders had moments in the future within {minutes} minutes, and were pulled back to now: "
    "look at the clock of the database's machine.",
    "clock_set_back": "The clock was set back. Everything of open orders went back with it, and the kitchen goes on.",
    "study_part": "{count} parts of studies did not come back within {minutes} minutes, and are sent again: workers "
    "end in the middle of them.",
    "action": "{count} actions on many rows lost their worker within {minutes} minutes; another one goes on.",
    "missed_frame": "Open pages had missed {count} changes within {minutes} minutes, and got them from the database: "
    "announcements do not get through.",
}
OVER = {
    NOT_READY: "The shop is ready again.",
    "clock_set_back": "The clock has not been set back since.",
}


def not_ready_words(seconds: float, sentences: Sequence[str]) -> str:
    return f"The shop has not been ready for {seconds:.0f} s. {' '.join(dict.fromkeys(sentences))}"


def found_words(what: str, count: int, seconds: int) -> str:
    return FOUND[what].format(count=count, minutes=seconds // MINUTE_SECONDS)


def over_words(what: str) -> str:
    return OVER.get(what, f"Well again: the sweeps find no more than usual ({what.replace('_', ' ')}).")
