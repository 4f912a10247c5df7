"""A slow phone: Chromium with its network and its processor held back through the DevTools protocol."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from benchmarks.pages.networks import Network
from home.tests.browser import find_or_install

SIZE = {"width": 390, "height": 844}
PIXELS = 2  # of the screen, for each of CSS
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# What the browser itself says of a page while it opens. An entry of the event timing is an input with its next paint.
WATCH = """
window.seen = {paint: 0, largest: 0, shift: 0, blocked: 0, inputs: []};
const watch = (type, add, more = {}) =>
    new PerformanceObserver((list) => list.getEntries().forEach(add)).observe({type, buffered: true, ...more});
watch("paint", (entry) => { if (entry.name === "first-contentful-paint") seen.paint = entry.startTime; });
watch("largest-contentful-paint", (entry) => { seen.largest = entry.startTime; });
watch("layout-shift", (entry) => { if (!entry.hadRecentInput) seen.shift += entry.value; });
watch("longtask", (entry) => { seen.blocked += Math.max(0, entry.duration - 50); });
watch("event", ({name, duration, interactionId}) => { if (interactionId) seen.inputs.push([name, duration]); },
    {durationThreshold: 16});
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


def launched(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=find_or_install(), args=FLAGS)


@contextmanager
def phone(browser: Browser, network: Network, slower: float, session: str = "", **options: Any) -> Iterator[Page]:
    """Open an empty window on a phone whose processor is so many times slower, for a new or a known person."""
    size = {"viewport": SIZE, "device_scale_factor": PIXELS, "is_mobile": True, "has_touch": True}
    context = browser.new_context(**(size | options))  # type: ignore[arg-type]
    context.add_init_script(WATCH)
    page = context.new_page()
    if session:
        context.add_cookies([{"name": "sessionid", "value": session, "domain": "127.0.0.1", "path": "/"}])
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", network.conditions())
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    try:
        yield page
    finally:
        context.close()
