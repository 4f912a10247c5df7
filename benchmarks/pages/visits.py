"""One visit to a page: when something is painted, and what it cost to get there."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page

from benchmarks.pages.networks import Network
from benchmarks.pages.phone import phone
from benchmarks.pages.shop import Shop

SETTLE_MS = 500  # after everything has arrived, for a last paint and a last shift
READY_MS = 120_000


@dataclass(frozen=True)
class Visited:
    """One page of the shop: where it is, what shows that it is there, and who looks at it."""

    name: str
    path: str
    shows: str  # a selector
    of_staff: bool = False


@dataclass(frozen=True)
class Visit:
    page: str
    network: str
    again: bool  # the second time, with what the browser has kept
    paint_ms: float  # first contentful paint
    largest_ms: float  # largest contentful paint
    shows_ms: float  # what the page is for is there: the pizzas, the order, the tickets
    shift: float  # cumulative layout shift
    blocked_ms: float  # by tasks of more than 50 ms, beyond these
    kilobytes: float  # over the line, headers included
    requests: int


def visited(shop: Shop) -> list[Visited]:
    return [
        Visited("shop", "", ".pizza"),
        Visited("order", shop.order, "#status"),
        Visited("board", "kitchen/", ".ticket", of_staff=True),
    ]


class Line:
    """What comes over the line."""

    def __init__(self, devtools: CDPSession) -> None:
        self.bytes, self.requests = 0.0, 0
        devtools.on("Network.requestWillBeSent", self._sent)
        devtools.on("Network.loadingFinished", self._finished)
        devtools.send("Network.enable")

    def _sent(self, event: dict[str, Any]) -> None:
        self.requests += event["request"]["url"].startswith("http")

    def _finished(self, event: dict[str, Any]) -> None:
        self.bytes += event["encodedDataLength"]


def visits(browser: Browser, shop: Shop, where: Visited, name: str, network: Network, slower: float) -> list[Visit]:
    """Visit a page for the first time, and again."""
    with phone(browser, network, slower, shop.session if where.of_staff else "") as page:
        return [visit(page, shop, where, name, again) for again in (False, True)]


def visit(page: Page, shop: Shop, where: Visited, network: str, again: bool) -> Visit:
    devtools = page.context.new_cdp_session(page)
    line = Line(devtools)
    page.goto(shop.url + where.path, wait_until="commit", timeout=READY_MS)
    page.locator(where.shows).first.wait_for(timeout=READY_MS)
    shows_ms = page.evaluate("performance.now()")
    page.wait_for_load_state("networkidle", timeout=READY_MS)
    page.wait_for_timeout(SETTLE_MS)
    seen = page.evaluate("seen")
    devtools.detach()
    return Visit(
        page=where.name,
        network=network,
        again=again,
        paint_ms=seen["paint"],
        largest_ms=seen["largest"],
        shows_ms=shows_ms,
        shift=seen["shift"],
        blocked_ms=seen["blocked"],
        kilobytes=line.bytes / 1000,
        requests=line.requests,
    )
