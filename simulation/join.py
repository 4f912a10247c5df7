"""Where the items of an order come together: it goes on when the last of them is done."""

import numpy as np

from simulation.engine import Array, Ids, flat, in_order, take

PAST = -1  # the order has gone on, or never comes


class Join:
    """For each column of the table of orders, how many of its items are not done, and when the latest was."""

    def __init__(self, rows: int) -> None:
        self.missing = np.empty((rows, 0), dtype=np.intp)
        self.ready = np.empty((rows, 0))

    def expect(self, missing: Ids) -> None:
        """Add columns of orders with so many items to come; PAST where there are none."""
        self.missing = np.concatenate([self.missing, missing], axis=1)
        self.ready = np.concatenate([self.ready, np.full(missing.shape, -np.inf)], axis=1)

    def keep(self, columns: Ids) -> None:
        self.missing, self.ready = take(self.missing, columns), take(self.ready, columns)

    def receive(self, orders: Ids, ends: Array, is_last: bool) -> tuple[Ids, Array]:
        """Take in the items of these orders, which were done at `ends` (inf is none).

        Return the orders that are complete, sorted by the moment, with inf at the end of the rows that have fewer.
        is_last: all items have come.
        """
        columns, there = flat(orders, self.ready.shape[1]), np.isfinite(ends)
        if there.all():
            columns, moments = columns.ravel(), ends.ravel()
        else:
            columns, moments = columns[there], ends[there]
        np.maximum.at(self.ready.reshape(-1), columns, moments)
        if is_last and there.all():
            complete = self.missing > 0
        else:
            self.missing -= np.bincount(columns, minlength=self.missing.size).reshape(self.missing.shape)
            complete = self.missing == 0
        every = np.broadcast_to(np.arange(self.ready.shape[1]), self.ready.shape)
        gone, ready = in_order(every, np.where(complete, self.ready, np.inf))
        self.missing[complete] = PAST
        most = int(complete.sum(axis=1).max(initial=0))
        return gone[:, :most], ready[:, :most]
