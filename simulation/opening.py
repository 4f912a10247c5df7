"""The orders in the kitchen when a run begins: at work, or in the stations' lines."""

from typing import NamedTuple, Protocol

import numpy as np

from simulation.engine import Array, Ids, Tandem
from simulation.spec import Conveyor, Spec


class PresentDraws(Protocol):
    """The draws of the orders of a state, (rows, orders) each."""

    def present(self, number: int) -> Array:
        """Return the orders' service times at a station."""
        ...

    def remaining(self, number: int, columns: Ids) -> Array:
        """Return the residual time of the work in hand."""
        ...


class AtWork(NamedTuple):
    station: int
    columns: Ids
    ends: Array
    busy_until: Array  # earlier than the end on a belt


class Opening:
    """Puts a spec's state to work in a tandem: columns 0 to n - 1 in the order of the lines.

    `services` has for each station (rows, n): for how long each will take a place, 0 where it has been already.
    `lines` has for each station the columns that wait there.
    """

    def __init__(self, spec: Spec, tandem: Tandem, draws: PresentDraws) -> None:
        self.spec, self.seconds = spec, spec.opening_seconds
        self.at = np.array([order.station for order in spec.state], dtype=np.intp)
        self.works = np.array([order.elapsed_seconds is not None for order in spec.state], dtype=bool)
        self.services, self.lines, self.at_work = list[Array](), list[Ids](), list[AtWork]()
        for number in range(len(spec.stations)):
            if not spec.state:  # and no random stream to draw it from
                self.services.append(np.empty((tandem.rows, 0)))
                self.lines.append(np.arange(0))
                continue
            here = self.at == number
            service = draws.present(number)
            columns = np.flatnonzero(here & self.works)
            if columns.size:
                work = self._at_work(number, columns, draws)
                tandem.put_to_work(number, columns, work.ends, work.busy_until)
                service[:, columns] = work.busy_until - self.seconds
                self.at_work.append(work)
            service[:, self.at > number] = 0.0
            self.services.append(service)
            self.lines.append(np.flatnonzero(here & ~self.works))

    def _at_work(self, number: int, columns: Ids, draws: PresentDraws) -> AtWork:
        ends = self.seconds + draws.remaining(number, columns)
        station = self.spec.stations[number]
        if not isinstance(station.service, Conveyor):
            return AtWork(number, columns, ends, ends)
        orders = [self.spec.state[column] for column in columns]
        elapsed = np.array([order.elapsed_seconds for order in orders], dtype=np.float64)
        loading = np.maximum(station.service.headway_seconds * station.pieces(orders) - elapsed, 0.0)
        return AtWork(number, columns, ends, np.broadcast_to(self.seconds + loading, ends.shape))


def ends_of_present(spec: Spec, rows: int, draws: PresentDraws) -> Array:
    """Return when each order of the state leaves the kitchen if no others come, (rows, orders)."""
    tandem = tandem_of(spec, rows)
    opening = Opening(spec, tandem, draws)
    ends = np.empty((rows, len(spec.state)))
    for work in opening.at_work:
        if work.station == len(spec.stations) - 1:
            ends[:, work.columns] = work.ends
    *_, last = tandem.run(np.full(ends.shape, opening.seconds), opening.services, opening.lines)
    np.put_along_axis(ends, last.orders, last.ends, axis=1)
    return ends


def tandem_of(spec: Spec, rows: int) -> Tandem:
    stations = spec.stations
    belts = [station.service if isinstance(station.service, Conveyor) else None for station in stations]
    return Tandem(
        rows,
        [station.capacity for station in stations],
        [belt.delay_seconds if belt else None for belt in belts],
        [station.changes for station in stations],
    )
