"""How fast the pages are on a slow phone, and how fast the board answers a hand: `python -m benchmarks.pages`."""
