"""What replications leave: sums for each of them, or for each batch of a single one, and counts that are pooled."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from simulation.engine import Array
from simulation.estimates import lengths
from simulation.estimates.lengths import Pool, Whole


@dataclass(frozen=True)
class Part:
    """The sums of some replications. A group is a replication or, if there is only one, a batch of it.

    At a station of items they are those of items. A kind is a route or a number of items (simulation.estimates.kinds).
    """

    first: int
    came: Whole  # (replications,)
    orders: Array  # (groups,): of those that count
    seconds: Array  # (groups,): in the system
    kept: Array  # (groups,): orders within the promise
    span_seconds: Array  # (groups,)
    place_seconds: Array  # (groups, stations), as all up to `visits`: places there were, over the span
    wait_seconds: Array
    waited: Array  # how many waited
    work_seconds: Array  # from begin to end
    busy_seconds: Array  # for which places were taken
    line_seconds: Array  # spent in line, those of the state included
    visits: Array  # how many were to be served that count; all orders where there are no items and no routes
    kind_orders: Array  # (groups, kinds), as the two below: of those that count
    kind_seconds: Array  # in the system
    kind_kept: Array  # within the promise
    lengths: Pool
    grid_line: Whole  # (stations, moments): length of the line, summed over the replications
    grid_line_squares: Whole
    slot_orders: Whole  # (slots,): by the time of arrival, summed over the replications
    slot_milliseconds: Whole  # (slots,): in the system
    slot_kept: Whole
    slot_busy_milliseconds: Whole  # (stations, slots): for which places were taken
    kind_lengths: Pool | None = None  # with a section for each of the kinds' own
    trace: list[dict[str, Any]] | None = None

    @staticmethod
    def joined(parts: "Sequence[Part]") -> "Part":
        """Join at least one part, in the order of the replications."""
        if len(parts) == 1:
            return parts[0]
        values: dict[str, Any] = {"first": parts[0].first, "trace": parts[0].trace}
        values["lengths"] = lengths.joined([part.lengths for part in parts])
        of_kinds = [part.kind_lengths for part in parts if part.kind_lengths is not None]
        values["kind_lengths"] = lengths.joined(of_kinds) if of_kinds else None
        for name in (item.name for item in fields(Part)):
            arrays = [getattr(part, name) for part in parts]
            if name.startswith(("grid_", "slot_")):
                width = max(array.shape[-1] for array in arrays)
                padding = [(0, 0)] * (arrays[0].ndim - 1)
                values[name] = sum(np.pad(array, [*padding, (0, width - array.shape[-1])]) for array in arrays)
            elif name not in values:
                values[name] = np.concatenate(arrays)
        return Part(**values)
