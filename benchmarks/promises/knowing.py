"""Which outcomes are known when an order comes."""

from collections.abc import Iterator, Sequence

from benchmarks.promises.cases import Seen


def in_turn(orders: Sequence[Seen]) -> Iterator[tuple[int, list[int]]]:
    """Yield each order with those that were there when it came, in the order in which they were: all by number."""
    waiting = sorted(range(len(orders)), key=lambda number: orders[number].there_at, reverse=True)
    known: list[int] = []
    for number, order in enumerate(orders):
        while waiting and orders[waiting[-1]].there_at <= order.at:
            known.append(waiting.pop())
        yield number, known
