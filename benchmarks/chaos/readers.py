"""People who look at pages while the shop is in trouble, one page after the other, and note how long each took."""

import random
import threading
from collections.abc import Mapping
from itertools import count

from benchmarks.chaos.crowd import Answer, ask

READERS = 2
PAUSE_SECONDS = 0.5


class Readers:
    """Readers of the menu and of the newest orders, as a page and as JSON."""

    def __init__(self, port: int, accepted: Mapping[str, str], patience_seconds: float) -> None:
        self.port = port
        self.accepted = accepted
        self.patience_seconds = patience_seconds
        self.answers: list[Answer] = []
        self.has_closed = threading.Event()
        for _ in range(READERS):
            threading.Thread(target=self._read, daemon=True).start()

    def close(self) -> None:
        self.has_closed.set()

    def _read(self) -> None:
        for turn in count():
            if self.has_closed.wait(random.uniform(0.5, 1.5) * PAUSE_SECONDS):
                return
            answer, _ = ask("page", self.port, self.patience_seconds, "GET", self._path(turn))
            self.answers.append(answer)

    def _path(self, turn: int) -> str:
        order_ids = list(self.accepted.values())[-5:]
        if not order_ids:
            return "/"
        return random.choice(("/", "/order/{}/", "/api/order/{}/")).format(order_ids[turn % len(order_ids)])
