"""The measurement of pages computes medians and bars rightly, and sees in a real browser what a page costs."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from rich.console import Console

from benchmarks.pages import report
from benchmarks.pages.__main__ import options
from benchmarks.pages.hands import Input
from benchmarks.pages.networks import NETWORKS
from benchmarks.pages.phone import chromium
from benchmarks.pages.shop import Shop
from benchmarks.pages.visits import Visit, Visited, visits

FAST = Visit("shop", "slow-4g", False, 900, 950, 1000, 0.01, 20, 300, 23)
STYLE = b"/*" + b"x" * 20_000 + b"*/"
PAGE = b"""<!doctype html><title>Menu</title><link rel="stylesheet" href="/style.css">
<h1 class="pizza">What are you hungry for?</h1>"""


def shown(table: object) -> str:
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text()


def test_each_figure_is_the_median_of_its_page_line_and_turn() -> None:
    others = [replace(FAST, paint_ms=5000, kilobytes=310), replace(FAST, paint_ms=1000, kilobytes=320)]
    again, elsewhere = replace(FAST, again=True), replace(FAST, network="3g")
    middle = replace(FAST, paint_ms=1000, kilobytes=310)
    assert report.middle([FAST, *others, again, elsewhere]) == [middle, again, elsewhere]


@pytest.mark.parametrize(
    ("visit", "verdict"),
    [
        (FAST, "met"),
        (replace(FAST, paint_ms=2000), "NOT MET"),
        (replace(FAST, shift=0.1), "NOT MET"),
        (replace(FAST, network="3g", paint_ms=9000), ""),
    ],
)
def test_the_first_paint_and_the_shift_have_a_bar_on_one_line(visit: Visit, verdict: str) -> None:
    assert report.bar_of(visit).split(" (")[0] == verdict
    assert report.is_all_met([visit], []) == (verdict != "NOT MET")
    assert "shop" in shown(report.table_of_visits([visit]))


def test_inputs_are_named_with_the_slowest_first() -> None:
    rounds = [[Input("key n", 90), Input("tap", 40)], [Input("key n", 120), Input("tap", 48)], [Input("key n", 130)]]
    found = report.worst(rounds)
    assert found == [Input("key n", 120), Input("tap", 44)]
    table = shown(report.table_of_inputs(found, 300))
    assert "NOT MET" in table and table.index("key n") < table.index("tap")
    assert not report.is_all_met([FAST], found) and report.is_all_met([FAST], found[1:])
    assert json.loads(json.dumps(report.as_json([FAST], found)))["inputs"][0] == {"what": "key n", "ms": 120}


def test_a_line_is_told_in_bytes_and_one_can_be_chosen() -> None:
    conditions = NETWORKS["slow-4g"].conditions()
    assert (conditions["downloadThroughput"], conditions["latency"]) == (200_000, 150)
    assert NETWORKS["none"].conditions()["downloadThroughput"] == -1
    assert options(["--network", "3g", "--rounds", "1"]).network == ["3g"]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_style = self.path == "/style.css"
        body = STYLE if is_style else PAGE
        self.send_response(200)
        self.send_header("Content-Type", "text/css" if is_style else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=60" if is_style else "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Shop(f"http://127.0.0.1:{server.server_port}/", "", "")
        server.shutdown()


@pytest.mark.browser
def test_a_browser_tells_what_a_page_costs(shop: Shop) -> None:
    with chromium() as browser:
        first, second = visits(browser, shop, Visited("menu", "", ".pizza"), "slow-4g", NETWORKS["slow-4g"], 4)
    delay = NETWORKS["slow-4g"].round_trip_ms
    assert min(first.paint_ms, first.largest_ms, first.shows_ms, second.paint_ms) > delay
    assert (first.again, second.again, first.shift) == (False, True, 0)
    assert first.kilobytes > len(STYLE) / 1000 > second.kilobytes  # the browser has kept the style sheet
    assert first.requests >= 2
