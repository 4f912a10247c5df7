"""A kitchen that lacks a station, because somebody deleted its row: it refuses everything, and says so."""

import logging

from realtime.refused import Refused
from realtime.seldom import Seldom

AGAIN_SECONDS = 30  # until a customer's program should ask again
TELL_SECONDS = 60.0  # between two lines in the log: every task and every order meets it


class Incomplete(Refused):
    """A station, or the shop's row, is missing: nothing can be placed or moved until it is there again."""


refusals = Seldom(
    logging.getLogger(__name__),
    "Refused or left alone for want of a station: %d. The command “mend” puts it back. %s",
    TELL_SECONDS,
)
tell = refusals.warn
