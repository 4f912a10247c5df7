"""How many works can be under way, at most, at stations with very many places, without counting them each time.

Whatever begins has an event of its own, in the same transaction: since a count, no more works have begun than the
log's number has risen by. As long as that leaves much room, it is enough to know; where it does not, the works are
counted. So a hundred thousand orders on the road cost the next link nothing.
"""

from collections.abc import Mapping
from time import monotonic

from kitchen import stages

SPARE = 1000  # places: more than one transaction takes, which must not meet a bound where there is room
COUNTED_SECONDS = 10.0  # then all are counted again, in case somebody's hand has changed rows and left no event
UNKNOWN = 1 << 62


class Bounds:
    """What this process knows of each station since it was counted last. Used behind the kitchen's lock."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.event = UNKNOWN  # the newest one of the log, as it was read last
        self.above: dict[str, int] = {}  # by how many more works than events: by stage, negative as a rule
        self.counted_at: dict[str, float] = {}

    def values(self) -> list[int]:
        """Return what the statement behind the lock asks for: the newest event, and a number for each stage."""
        oldest = monotonic() - COUNTED_SECONDS
        known = {stage: above + SPARE for stage, above in self.above.items() if self.counted_at[stage] >= oldest}
        return [self.event, *(known.get(stage, UNKNOWN) for stage in stages.WORKED)]

    def taken(
        self, event: int | None, counted: Mapping[str, int | None], capacities: Mapping[str, int]
    ) -> dict[str, int]:
        """Return how many places are taken, at most, of what the statement found: None where it did not count."""
        found = {stage: number for stage, number in counted.items() if number is not None}
        bound = {stage: (event or 0) + self.above[stage] for stage in counted if stage not in found}
        self.note(event, found, capacities)
        return {**found, **bound}

    def note(self, event: int | None, found: Mapping[str, int], capacities: Mapping[str, int]) -> None:
        """Remember the counts that leave much room; others can have been cut short (LIMIT).

        A log that has lost its newest events says nothing about older counts.
        """
        if event is None or event < self.event:
            self.forget()
        if event is not None:
            self.event = event
            for stage, number in found.items():
                self.above.pop(stage, None)
                if number + SPARE < capacities[stage]:
                    self.above[stage], self.counted_at[stage] = number - event, monotonic()


def sql(counted: str) -> str:
    """Return the SQL that counts at a station, or is NULL where the bound (`values`) leaves much room."""
    above = " ".join(f"WHEN '{stage}' THEN %s" for stage in stages.WORKED)
    at_most = f"log.newest + CASE kitchen_station.stage {above} END"
    return f"CASE WHEN log.newest >= %s AND {at_most} < kitchen_station.capacity THEN NULL ELSE {counted} END"


# How far PostgreSQL counts: as many as leave no room, whatever one transaction does but give a station more places
LIMIT = {"postgresql": f" LIMIT kitchen_station.capacity + {SPARE}"}
LOG = "CROSS JOIN (SELECT max(id) AS newest FROM home_orderevent) log"

bounds = Bounds()
