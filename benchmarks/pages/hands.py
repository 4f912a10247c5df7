"""How soon the board answers a hand: from the input to the next paint, with many tickets on it."""

from dataclasses import dataclass

from playwright.sync_api import Browser, Page, expect

from benchmarks.pages.networks import NETWORKS
from benchmarks.pages.phone import phone
from benchmarks.pages.shop import Shop

DESK = {"viewport": {"width": 1440, "height": 900}, "device_scale_factor": 1, "is_mobile": False, "has_touch": False}
READY_MS = 60_000
PAUSE_MS = 600  # so that each input stands alone, and what it sends for has come
SHORTEST_MS = 16  # the browser names no shorter ones


@dataclass(frozen=True)
class Input:
    what: str
    ms: float  # from the input to the next paint


def inputs(browser: Browser, shop: Shop, slower: float) -> list[Input]:
    """Use the board as a cook does: by key and by tap."""
    with phone(browser, NETWORKS["none"], slower, shop.session, **DESK) as page:
        page.goto(f"{shop.url}kitchen/")
        page.locator(".ticket").first.wait_for(timeout=READY_MS)
        page.locator(".ticket").first.focus()
        keys = ["ArrowDown", "ArrowRight", "ArrowDown", "ArrowLeft", "n", "n", "h", "h", "f", "Enter", "Escape"]
        found = [by_key(page, key) for key in keys]
        found += [by_tap(page, "#toggle-simulated") for _ in range(2)]
        found += [by_tap(page, target) for target in ("#open-look", "#toggle-light", "#toggle-light")]
        page.keyboard.press("Escape")
        found.append(by_tap(page, ".waiting .more"))
        expect(page.locator("#ticket-dialog")).to_be_visible()
        return found


def by_key(page: Page, key: str) -> Input:
    page.evaluate("seen.inputs.length = 0")
    page.keyboard.press(key)
    return Input(f"key {key}", slowest(page))


def by_tap(page: Page, target: str) -> Input:
    page.evaluate("seen.inputs.length = 0")
    page.locator(target).first.click(timeout=READY_MS)
    return Input(f"tap on {target}", slowest(page))


def slowest(page: Page) -> float:
    page.wait_for_timeout(PAUSE_MS)
    return max([duration for _, duration in page.evaluate("seen.inputs")], default=SHORTEST_MS)
