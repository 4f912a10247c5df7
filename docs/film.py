"""Film the shop at work: the moving picture of the README. Run it with `.venv/bin/python -m docs.film`.

It opens a shop of its own in a temporary folder, orders on the menu page as a customer would, follows that order on
a phone and shows the kitchen's board beside it until the pizzas are delivered. It needs the packages and the browser
of the tests (`python3 run.py test` installs both).
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from urllib.request import Request, urlopen

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect, sync_playwright

from home.tests.browser import find_or_install

ROOT = Path(__file__).resolve().parent.parent
FILM = ROOT / "docs" / "film.webp"
MOST_BYTES = 1_500_000

SPEED = 90  # kitchen seconds per second: an order takes about 20 seconds
STAFF = "bob"
# Orders as {pizza: quantity}: those that are in the kitchen at first, and what others order meanwhile
BEFORE = [{4: 1}, {1: 2}, {2: 1, 6: 1}, {3: 1}, {8: 1}, {5: 1}, {10: 1}]
MEANWHILE = [{7: 2}, {9: 1}, {1: 1, 3: 1}, {6: 1}, {2: 2}, {8: 1}, {4: 1}, {5: 2}]
MEANWHILE_SECONDS = 2.5
MINE = ("Margherita", "Diavola")

BOARD, PHONE = (1080, 800), (384, 800)  # viewports, in CSS pixels
SCALE = 0.75  # of the film
MARGIN, GAP, BACKGROUND = 12, 12, "#EDE3D8"
FRAME_SECONDS = 0.2
QUALITY = 70
START_SECONDS, END_SECONDS = 120, 90


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="film-") as folder, shop(folder) as (url, password), browser() as chromium:
        film = Film(board_of(chromium, url, password), phone_of(chromium, url))
        for pizzas in BEFORE:
            order(url, pizzas)
        expect(film.board.locator(".ticket")).to_have_count(len(BEFORE))
        play(film, url)
    film.save(FILM)
    size = FILM.stat().st_size
    print(f"{FILM.relative_to(ROOT)}: {len(film.frames)} frames, {sum(film.durations) / 1000:.0f} s, {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"That is more than {MOST_BYTES:,} bytes: lower QUALITY or SCALE.")


# The story


def play(film: "Film", url: str) -> None:
    phone = film.phone
    film.hold(1.2)
    for name in MINE:
        card = phone.locator(".pizza", has=phone.get_by_role("heading", name=name, exact=True))
        card.scroll_into_view_if_needed()
        film.hold(0.4)
        card.get_by_role("button", name=f"Add {name}").click()
        film.hold(0.8)
    phone.get_by_role("button", name="Order", exact=True).click()
    watch = phone.get_by_role("link", name="Watch it")
    expect(watch).to_be_visible()
    film.hold(1.2)
    watch.click()
    phone.wait_for_load_state()
    follow(film, url)
    film.hold(2.5)


def follow(film: "Film", url: str) -> None:
    """Film until the order is delivered, while others order."""
    others = list(MEANWHILE)
    begun = time.monotonic()
    while film.phone.locator("#order").get_attribute("data-state") != "delivered":
        if time.monotonic() - begun > END_SECONDS:
            sys.exit("The order was not delivered in time.")
        if others and time.monotonic() - begun > MEANWHILE_SECONDS * (len(MEANWHILE) - len(others) + 1):
            order(url, others.pop(0))
        film.shoot()


def order(url: str, pizzas: dict[int, int]) -> None:
    items = [{"id": pk, "quantity": quantity} for pk, quantity in pizzas.items()]
    body = json.dumps({"items": items}).encode()
    with urlopen(Request(f"{url}api/order/", body, {"Content-Type": "application/json"}), timeout=20):
        pass


# The camera


class Film:
    """Frames of the board and the phone side by side, each with the time it stood."""

    def __init__(self, board: Page, phone: Page) -> None:
        self.board, self.phone = board, phone
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []  # ms
        self.shot_at = time.monotonic()

    def hold(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.shoot()

    def shoot(self) -> None:
        time.sleep(max(0.0, self.shot_at + FRAME_SECONDS - time.monotonic()))
        now = time.monotonic()
        if self.frames:
            self.durations.append(round((now - self.shot_at) * 1000))
        self.shot_at = now
        self.frames.append(side_by_side(picture(self.board), picture(self.phone)))

    def save(self, path: Path) -> None:
        durations = [*self.durations, 2500]  # the last frame stands, then the film begins again
        self.frames[0].save(
            path,
            save_all=True,
            append_images=self.frames[1:],
            duration=durations,
            loop=0,
            quality=QUALITY,
            method=6,
            minimize_size=True,
        )


def picture(page: Page) -> Image.Image:
    with Image.open(BytesIO(page.screenshot(animations="allow", caret="hide", scale="device"))) as shot:
        return shot.convert("RGB")


def side_by_side(board: Image.Image, phone: Image.Image) -> Image.Image:
    height = max(board.height, phone.height) + 2 * MARGIN
    frame = Image.new("RGB", (2 * MARGIN + board.width + GAP + phone.width, height), BACKGROUND)
    for image, left in ((board, MARGIN), (phone, MARGIN + board.width + GAP)):
        frame.paste(image, (left, MARGIN), rounded(image.size))
    return frame


def rounded(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=10, fill=255)
    return mask


# The shop and its two screens


@contextmanager
def shop(folder: str) -> Iterator[tuple[str, str]]:
    """The address of a shop in this folder, and the password of its staff account."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    password = secrets.token_urlsafe(12)
    command = [sys.executable, "manage.py", "stack", "--port", str(port), "--speed", str(SPEED)]
    staff = {"DJANGO_SUPERUSER_USERNAME": STAFF, "DJANGO_SUPERUSER_PASSWORD": password}
    with (Path(folder) / "film.log").open("w+") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **staff, "DATA_DIR": folder}, stdout=log, stderr=log
        )
        try:
            wait_until_ready(process, Path(log.name))
            yield f"http://127.0.0.1:{port}/", password
        finally:
            process.terminate()
            process.wait(timeout=60)


def wait_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while "Ready:" not in log.read_text():
        if process.poll() is not None or time.monotonic() > end:
            sys.exit(f"The shop did not open:\n{log.read_text()}")
        time.sleep(0.2)


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=find_or_install(), args=["--no-sandbox", "--disable-background-networking"]
        )


def board_of(chromium: Browser, url: str, password: str) -> Page:
    page = screen(chromium, BOARD)
    page.goto(f"{url}log-in/?next=/kitchen/")
    page.get_by_label("User name or e-mail").fill(STAFF)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#in-kitchen")).to_have_text("0")
    return page


def phone_of(chromium: Browser, url: str) -> Page:
    page = screen(chromium, PHONE)
    page.goto(url)
    expect(page.locator(".pizza").first).to_be_visible()
    return page


def screen(chromium: Browser, size: tuple[int, int]) -> Page:
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=SCALE,
        locale="en-US",
        color_scheme="light",
        reduced_motion="no-preference",
    )
    return context.new_page()


if __name__ == "__main__":
    main()
