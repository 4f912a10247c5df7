"""The inbox's socket, `/ws/inbox/`: all conversations with customers, for the staff who answer them."""

import asyncio
import json
import logging
from typing import Any

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from chat import hands, orders, stream
from chat.models import Room
from chat.person import Person, person
from chat.rooms import NoRoom
from home.consumers import parse_object
from home.reconcile import Rounds
from kitchen.flow import Refused
from realtime.sockets import Identified

logger = logging.getLogger(__name__)

SEND_SECONDS = 1.0  # a client that does not read must not keep the others waiting
GATHER_SECONDS = 0.1  # however much is going on, the lists are read at most so often

Content = dict[str, Any]


class Inbox(Identified):
    """Whole states: {"type": "inbox", ...}, whenever it is another one. What is done here is done to a room."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: Content = {}

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        finally:
            watch.leave(self)

    def may_stay(self, user: User | AnonymousUser) -> bool:
        return person(user).answers

    async def opened(self) -> None:
        await self.join(stream.INBOX)
        await self.show(await read_inbox())
        watch.join(self)

    async def received(self, text: str | None) -> None:
        try:
            content = parse_object(text)
            user = await self.current_user()
            await act(content, person(user))
        except Refused as refused:
            return await self.send(json.dumps({"type": "error", "error": str(refused)}))
        await self.show(await read_inbox())

    async def inbox_changed(self, event: Content) -> None:
        """Every socket hears it; the lists are read once for all."""
        watch.look_soon()

    async def show(self, lists: Content) -> None:
        shown = orders.mine_first(lists, self.user.get_username())
        if shown != self.sent:
            self.sent = shown
            await self.send(json.dumps(shown))


class Watch(Rounds[Inbox]):
    """Of this process: at once when something is said to have changed, and every few seconds in any case."""

    def __init__(self) -> None:
        super().__init__()
        self.looking: asyncio.Task[None] | None = None

    def look_soon(self) -> None:
        if self.looking is None or self.looking.done():
            self.looking = asyncio.create_task(self.look(), name="inbox")

    async def look(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        self.looking = None  # before the look: what comes after it makes one of its own
        try:
            await self.compare()
        except Exception as error:
            logger.warning("The inbox could not be read: %s", str(error) or type(error).__name__)

    async def compare(self) -> None:
        if not self.watchers:
            return
        lists = await read_inbox()
        await asyncio.gather(*(show(socket, lists) for socket in list(self.watchers)))


async def show(socket: Inbox, lists: Content) -> None:
    """A socket that breaks is its own affair."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await socket.show(lists)
    except Exception as error:
        logger.info("An inbox could not be told: %s", str(error) or type(error).__name__)


def _act(content: Content, who: Person) -> None:
    kind = hands.kind_of(content)
    if kind not in hands.CONVERSATION:
        raise Refused("Unknown type. Send take, hand_over, close or reopen, with the slug of the room.")
    slug = content.get("slug")
    room = None
    if isinstance(slug, str) and slug.isprintable():
        room = Room.objects.filter(slug=slug, kind=Room.Kind.ORDER).first()
    try:
        if room is None:
            raise NoRoom
        hands.VERBS[kind](room.pk, who, content, timezone.now())
    except NoRoom:
        raise Refused("There is no such conversation.") from None


watch = Watch()
act = database_sync_to_async(_act)
read_inbox = database_sync_to_async(orders.inbox, thread_sensitive=False)
