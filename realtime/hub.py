"""Hand the events of a group to the sockets of this process, which share one channel and one decoding of each event.

Channels gives each consumer a channel of its own, with a queue, a task, and a decoding for each of them.
"""

import asyncio
import logging
from contextvars import Context
from typing import Any, Protocol

from channels.layers import get_channel_layer

from pizzaProj.waits import LISTEN_AGAIN_SECONDS

logger = logging.getLogger(__name__)

AT_ONCE = 250  # sockets that are told before others have a turn: those of another order, pages, heartbeats

Event = dict[str, Any]  # the argument of a consumer's handler


class Listener(Protocol):
    """The part of a socket (realtime.sockets.Identified) that the hub uses."""

    def hear(self, event: Event) -> None:
        """Take the event without waiting, and without an error."""


class Audience:
    """The sockets of this process in one group."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.listeners: dict[Listener, None] = {}  # in the order in which they came
        self.has_asked = asyncio.get_running_loop().create_future()  # the layer, for the group
        # In a context of its own: the group's events are of many clicks, none of them that of the first who came.
        self.task = asyncio.create_task(self.run(), name=f"audience {group[:10]}", context=Context())

    async def run(self) -> None:
        """Listen until the last socket has left. Pages catch up by themselves with what a failure costs."""
        while True:
            try:
                await self.listen()
            except Exception as error:
                logger.warning("A group could not be listened to: %s", str(error) or type(error).__name__)
            self.note_asked()
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)
            self.has_asked = asyncio.get_running_loop().create_future()  # who comes now waits for this attempt

    async def listen(self) -> None:
        layer = get_channel_layer()
        assert layer is not None
        channel = await layer.new_channel()
        try:
            await layer.group_add(self.group, channel)
            self.note_asked()
            while True:
                await self.tell(await layer.receive(channel))
        finally:
            await layer.group_discard(self.group, channel)

    def note_asked(self) -> None:
        if not self.has_asked.done():
            self.has_asked.set_result(None)

    async def tell(self, event: Event) -> None:
        for number, listener in enumerate(list(self.listeners), 1):
            if listener in self.listeners:  # has not left meanwhile
                listener.hear(event)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)


class Hub:
    """All audiences of this process. Belongs to one event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self.audiences: dict[str, Audience] = {}

    async def join(self, group: str, listener: Listener) -> None:
        """Let a socket hear the group. Whatever a later read of the database lacks comes as an event."""
        self._belong_to(asyncio.get_running_loop())
        if group not in self.audiences:
            self.audiences[group] = Audience(group)
        audience = self.audiences[group]
        audience.listeners[listener] = None
        await asyncio.shield(audience.has_asked)

    async def leave(self, listener: Listener, *groups: str) -> None:
        """Tell the socket nothing more of these groups. The last one in a group ends its subscription."""
        self._belong_to(asyncio.get_running_loop())
        ending = []
        for group in groups:
            audience = self.audiences.get(group)
            if audience is not None and audience.listeners.pop(listener, self) is None and not audience.listeners:
                del self.audiences[group]
                audience.task.cancel()
                ending.append(audience)
        if ending:
            await asyncio.wait([audience.task for audience in ending])
        for audience in ending:
            del audience.task  # its end knows where it was cancelled, and so the audience: only a scan would find them

    def _belong_to(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget what an event loop that has ended left behind."""
        if self._loop is not loop:
            self._loop, self.audiences = loop, {}


hub = Hub()
