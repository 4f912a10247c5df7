"""`python -m benchmarks.scaling`: what a chain of so many shops needs, by what was measured of one."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.scaling.costs import WHEN
from benchmarks.scaling.tables import CHAIN, filled_in, of_sizes, resized

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "scaling.md"


def positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e12:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


def whole(text: str) -> int:
    return round(positive(text))


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Say what a chain of shops needs in its busiest hour.")
    parser.add_argument("--shops", type=whole)
    parser.add_argument("--watchers", type=whole, help="pages that are open, in all shops")
    parser.add_argument("--orders-a-second", type=positive, help="in all shops, on average")
    parser.add_argument("--peak", type=positive, help="times the average, in the busiest hour (default: 3)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scaling.md instead")
    asked = parser.parse_args(words)
    if asked.write:
        DOCUMENT.write_text(filled_in(DOCUMENT.read_text()))
        return
    chain = resized(
        CHAIN,
        shops=asked.shops,
        watchers=asked.watchers,
        orders_per_second=asked.orders_a_second,
        peak=asked.peak,
    )
    print(of_sizes(chain=chain))
    print(f"By costs measured with {WHEN}.")


if __name__ == "__main__":
    main()
