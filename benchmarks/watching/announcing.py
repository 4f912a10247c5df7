"""How long sync code needs to announce a change."""

from benchmarks.rows import Row
from benchmarks.sides import prepared
from benchmarks.sitting import Sitting

MOST_MS = 0.1


def in_sync_code(sitting: Sitting) -> None:
    row = Row("announcing a change, in sync code", "ms", at_most=MOST_MS)
    with prepared(None, sitting.folder, sitting.valkey_socket) as ((_, driver), _):
        for _ in range(sitting.plan.rounds):
            row.ours.append(
                driver.ask("announce", times=sitting.plan.announcements, per_second=sitting.plan.per_second)
            )
    sitting.rows.append(row)
