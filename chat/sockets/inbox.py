"""The inbox's socket, `/ws/inbox/`: all conversations with customers, for the staff who answer them."""

import asyncio
import json
from typing import Any

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from chat import orders, stream
from chat.models import Room
from chat.person import Person, person
from chat.rooms import NoRoom
from chat.sockets import actions
from realtime.incoming import parse_object
from realtime.periodic import PeriodicCheck
from realtime.refused import Refused
from realtime.sockets import Identified

GATHER_SECONDS = 0.1  # between two reads of the lists, however much is going on

Content = dict[str, Any]


class Inbox(Identified):
    """Send the whole state, {"type": "inbox", ...}, whenever it has changed. What staff send acts on a room."""

    kind = "inbox"

    def __init__(self) -> None:
        super().__init__()
        self.sent: Content = {}

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        finally:
            inbox_check.leave(self)

    def may_stay(self, user: User | AnonymousUser) -> bool:
        return person(user).answers

    async def opened(self) -> None:
        await self.join(stream.INBOX)
        await self.show(await read_inbox())
        inbox_check.join(self)

    async def received(self, text: str | None) -> None:
        try:
            content = parse_object(text)
            user = await self.current_user()
            await act(content, person(user))
        except Refused as refused:
            return await self.send(json.dumps({"type": "error", "error": str(refused)}))
        await self.show(await read_inbox())

    async def inbox_changed(self, event: Content) -> None:
        """Every socket of the process hears this; the lists are read once for all of them."""
        inbox_check.check_soon()

    async def show(self, lists: Content) -> None:
        shown = orders.mine_first(lists, self.user.get_username())
        if shown != self.sent:
            self.sent = shown
            await self.send(json.dumps(shown))


class InboxCheck(PeriodicCheck[Inbox]):
    """Check as soon as a change is announced, and every few seconds in any case."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: asyncio.Task[None] | None = None

    def check_soon(self) -> None:
        if self.pending is None or self.pending.done():
            self.pending = asyncio.create_task(self.check_later(), name="inbox")

    async def check_later(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        self.pending = None  # before the check: a later change needs a check of its own
        await self.try_to_check()

    async def check(self) -> None:
        if self.sockets:
            lists = await read_inbox()
            await self.tell_each(self.sockets, lambda socket: socket.show(lists))


def _act(content: Content, who: Person) -> None:
    kind = actions.kind_of(content)
    if kind not in actions.CONVERSATION:
        raise Refused("Unknown type. Send take, hand_over, close or reopen, with the slug of the room.")
    slug = content.get("slug")
    room = None
    if isinstance(slug, str) and slug.isprintable():
        room = Room.objects.filter(slug=slug, kind=Room.Kind.ORDER).first()
    try:
        if room is None:
            raise NoRoom
        actions.VERBS[kind](room.pk, who, content, timezone.now())
    except NoRoom:
        raise Refused("There is no such conversation.") from None


inbox_check = InboxCheck()
act = database_sync_to_async(_act)
read_inbox = database_sync_to_async(orders.inbox, thread_sensitive=False)
