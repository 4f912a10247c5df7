"""Define the options for opening the shop, shared by run.py and `manage.py stack`. Standard library only."""

import argparse
import contextlib
import math


def add_shop_options(parser: argparse.ArgumentParser) -> None:
    """Add --port, --speed and --no-demo."""
    parser.add_argument("--port", type=port_number, metavar="N", help="port to listen on (default: 8000)")
    parser.add_argument(
        "--speed",
        type=speed,
        metavar="X",
        help="kitchen seconds per wall second (default: unchanged; initially 60)",
    )
    parser.add_argument("--no-demo", action="store_true", help="open without the demo menu and demo accounts")


def port_number(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a port: choose a number from 1 to 65535.")


def speed(text: str) -> float:
    with contextlib.suppress(ValueError):
        if math.isfinite(float(text)) and float(text) > 0:
            return float(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a speed: choose a number above 0, such as 60.")
