"""Limit how often something can be tried, by whom and from where. The numbers are in pizzaProj.limits.

Two kinds of counts. `allow`, `note`, `spend` and `failing` count attempts in the database, where they survive a
restart or a lost Redis: what is guessed, and what can't be undone. `pace` counts in Valkey, in one round trip, what is
often. Both raise TooMany, which says when to come back.
"""

from accounts.limits.address import address_of, neighbourhood
from accounts.limits.attempts import LIMITS, allow, check, failing, note, outdated, spend, spending
from accounts.limits.hashing import gate
from accounts.limits.paces import pace
from accounts.limits.too_many import TOO_MANY, TOO_MANY_CODE, Busy, TooMany
from pizzaProj.limits import QUARTER_SECONDS as QUARTER
from pizzaProj.limits import Limit

__all__ = [
    "LIMITS",
    "QUARTER",
    "TOO_MANY",
    "TOO_MANY_CODE",
    "Busy",
    "Limit",
    "TooMany",
    "address_of",
    "allow",
    "check",
    "failing",
    "gate",
    "neighbourhood",
    "note",
    "outdated",
    "pace",
    "spend",
    "spending",
]
