"""From the commit to the socket, by what PostgreSQL noted of each commit and what each page noted of each frame."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

COMMITS = """
SELECT o.order_id, max(e.seq), extract(epoch FROM pg_xact_commit_timestamp(e.xmin))::float8 AS committed_at
FROM home_orderevent e JOIN home_order o ON o.id = e.order_id GROUP BY o.order_id, committed_at, e.xmin::text
"""

Commits = dict[str, list[tuple[int, float]]]  # {order_id: [(the newest seq, when it was committed)]}
PageSeen = tuple[str, Sequence[tuple[int, float]], float]  # (order_id, [(seq, when it came)], when the page left)


def commits_of(database: Any) -> Commits:
    found: Commits = defaultdict(list)
    for order_id, seq, committed_at in database.execute(COMMITS).fetchall():
        found[order_id].append((seq, committed_at))
    return found


def waits(pages: Iterable[PageSeen], commits: Commits, began: float, ended: float) -> list[float]:
    """Return the seconds until each page had each change of this time; infinite if it never came."""
    found: list[float] = []
    for order_id, seen, left_at in pages:
        if not seen:
            continue
        first_seq, seqs = seen[0][0], [seq for seq, _ in seen]
        for seq, committed_at in commits.get(order_id, ()):
            if seq > first_seq and began <= committed_at < min(ended, left_at):
                place = bisect_left(seqs, seq)
                found.append(seen[place][1] - committed_at if place < len(seqs) else inf)
    return found
