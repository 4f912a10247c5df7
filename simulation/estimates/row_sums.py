"""Sums of rows that do not depend on how wide the other rows are."""

import numpy as np

from simulation.engine import Array

BLOCK = 256


def row_sums(values: Array) -> Array:
    """Sum up each row, to the same bits however many zeros follow its numbers.

    numpy adds up a row in an order that depends on its width. Blocks of one width, added up one after the other, do
    not.
    """
    rows, width = values.shape
    whole = width // BLOCK * BLOCK
    last = np.zeros((rows, BLOCK))
    last[:, : width - whole] = values[:, whole:]
    total = np.zeros(rows)
    for block in values[:, :whole].reshape(rows, -1, BLOCK).sum(axis=2).T:
        total += block
    total += last.sum(axis=1)
    return total
