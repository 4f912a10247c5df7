"""The socket of a room, `/ws/chat/<slug>/`: subscribe, then snapshot, then stream.

A client sends {"message": "..."}; "username" and "room_name" may stand beside it and are never believed for a member.
Everything else has a "type" (actions.VERBS, RoomSocket.LOOKS). What comes back is {"type": "message", ...} for what is
said, and frames of other types, which have no "message".
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.db import Error as DatabaseError
from django.utils import timezone

from chat import history, messages, orders, rooms, stream
from chat.models import Message, Room
from chat.person import CUSTOMER, Person, free_name, person
from chat.sockets import actions
from chat.sockets.presence import Name, roster
from chat.sockets.rate_limit import Pace
from chat.sockets.reconcile import room_check
from home import live
from realtime.broadcast import broadcaster
from realtime.incoming import parse_object
from realtime.refused import Refused
from realtime.sockets import UNKNOWN, Identified, address_of

logger = logging.getLogger(__name__)

MAX_FRAME = 30_000  # characters; a message of 2,000 may be escaped to twelve times as many
TOO_FAST = "Slow down: at most 10 messages in 5 seconds."

saying = Pace(10, 5)  # whatever is written down
asking = Pace(60, 5)  # whatever else is asked for

Content = dict[str, Any]


class RoomSocket(Identified):
    """One room, for one person. Each message is sent once, in the order of `seq`."""

    needs_account = False

    def __init__(self) -> None:
        super().__init__()
        self.room: Room | None = None  # as it was read last; None before somebody was let in
        self.room_pk = 0
        self.person = Person(None)
        self.word = secrets.token_hex(16)  # of a visitor without a session, for as long as the socket
        self.chosen_name = ""  # a visitor's
        self.last_seq = 0  # what was sent
        self.revision = 0  # and how new the room was then
        self.ahead: dict[int, int] = {}  # seq -> revision, of what was sent although it is newer than that
        self.looks: dict[str, str] = {}  # by type, the frames that are sent only when they are others than before
        self.is_alive = True
        self.shows_reads = True
        self.turn = asyncio.Lock()  # who reads what is new, and sends it

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        finally:
            room_check.leave(self)
            roster.leave(self)

    def may_stay(self, user: User | AnonymousUser) -> bool:
        return self.room is None or rooms.may_read(self.room, self.as_person(user))

    def as_person(self, user: User | AnonymousUser) -> Person:
        return person(user, self.guest or self.word, self.chosen_name)

    @property
    def name(self) -> Name:
        return self.person.name, self.person.is_guest

    # How it begins

    async def opened(self) -> None:
        slug = self.scope["url_route"]["kwargs"]["slug"]
        query = parse_qs(self.scope["query_string"].decode("latin1"), keep_blank_values=True)
        self.person = self.as_person(self.user)
        try:
            self.room = await enter(slug, self.person, address_of(self.scope))
        except rooms.NoRoom:
            return await self.close(UNKNOWN)
        except Refused as refused:
            await self.complain(refused)
            return await self.close(UNKNOWN)
        self.room_pk = self.room.pk
        try:
            await self.begin_to_listen(query)
        except rooms.NoRoom:  # gone in this moment
            await self.close(UNKNOWN)

    async def begin_to_listen(self, query: dict[str, list[str]]) -> None:
        assert self.room is not None
        await self.join(stream.group_name(self.room_pk))
        if self.room.order is not None:
            await self.join(live.group_name(self.room.order.order_id))
            await hear_order(self.room_pk)
        try:
            await self.take_name(query.get("username", [""])[-1])
        except Refused as refused:  # they are called something else, then
            await self.complain(refused)
        async with self.turn:
            await self.welcome(last_number(query.get("after", [""])[-1]))
        room_check.join(self)
        roster.join(self)
        await self.show_here(roster.names(self.room_pk))

    async def take_name(self, name: object) -> None:
        """What a visitor wants to be called in a public room. Refused if they can't; a member is who they are."""
        if not self.person.is_guest:
            return
        if self.room is not None and self.room.order is not None:
            self.chosen_name = CUSTOMER
        elif name and name != self.chosen_name:
            self.chosen_name = await free(name)
            roster.tell_soon(self.room_pk)
        self.person = self.as_person(self.user)

    async def welcome(self, after: int | None) -> None:
        """The room, then its last messages, or exactly those after the one that the client has seen."""
        news = await read_news(self.room_pk, self.person, None)
        self.note(news)
        self.looks["room"] = look_of(news.shown)
        you = {"username": self.person.name, "guest": self.person.is_guest}
        await self.send_json({"type": "welcome", "room": news.shown, "you": you})
        if after is None:
            await self.send_history(await read_last(self.room_pk, self.person))
        else:
            await self.send_missed(min(after, news.room.last_seq))
        await self.send_line(news.line)
        for read in await read_reads(self.room_pk, self.person) if self.is_alive else []:
            await self.send_json(read)

    async def send_missed(self, after: int) -> None:
        for packed in await read_altered(self.room_pk, self.person, after):
            await self.send_json(stream.show_change(packed))
        self.last_seq = after
        is_more = True
        while is_more:
            found, is_more = await read_after(self.room_pk, self.person, self.last_seq)
            await self.send_history((found, is_more))

    async def send_history(self, page: tuple[list[stream.Packed], bool]) -> None:
        found, is_more = page
        self.last_seq = max([self.last_seq, *(packed["seq"] for packed in found)])
        shown = [stream.show(packed, self.person) for packed in found]
        await self.send_json({"type": "history", "messages": shown, "more": is_more})

    async def refreshed(self) -> None:
        """The doorkeeper has read who it is, or a visitor has shown a token."""
        before, self.person = self.person, self.as_person(self.user)
        if self.room is None or before.key == self.person.key:
            return
        roster.tell_soon(self.room_pk)
        try:
            async with self.turn:
                await self.welcome(None)
        except rooms.NoRoom:
            await self.close(UNKNOWN)

    # What the client sends

    async def received(self, text: str | None) -> None:
        content: Content = {}
        try:
            content = parse_object(text, MAX_FRAME)
            await self.obey(content)
        except rooms.NoRoom:
            await self.close(UNKNOWN)
        except Refused as refused:
            await self.complain(refused, content.get("id"))

    async def obey(self, content: Content) -> None:
        kind = actions.kind_of(content)
        if kind not in actions.VERBS and kind not in self.LOOKS:
            raise Refused("Unknown type.")
        if not (asking if kind in self.QUIET else saying).allows(self.person.key):
            raise Refused(TOO_FAST)
        self.person = self.as_person(await self.current_user())
        if kind in self.LOOKS:
            return await self.LOOKS[kind](self, content)
        if kind == "message":
            await self.take_name(content.get("username"))
        await self.answer_with(await act(kind, self.room_pk, self.person, content))

    async def answer_with(self, done: object) -> None:
        """It is in the database. What had been said before, and was sent again, gets its answer again."""
        was_sent = isinstance(done, Message) and done.seq <= self.last_seq
        await self.catch_up()
        if was_sent and isinstance(done, Message):
            await self.send_json(stream.show(stream.pack(done), self.person))

    async def send_page(self, content: Content) -> None:
        if "after" in content:
            page = await read_after(self.room_pk, self.person, content["after"])
        else:
            page = await read_before(self.room_pk, self.person, content.get("before"))
        await self.send_history(page)

    async def report(self, content: Content) -> None:
        await report(self.room_pk, self.person, content.get("seq"), content.get("reason"))
        await self.send_json({"type": "reported", "seq": content["seq"]})

    async def note_typing(self, content: Content) -> None:
        if await may_speak(self.room_pk, self.person):
            self.tell_others({"type": "chat.typing", "username": self.person.name})

    async def note_read(self, content: Content) -> None:
        if await read(self.room_pk, self.person, content.get("seq")) and self.is_alive:
            seq = min(content["seq"], self.last_seq)
            self.tell_others({"type": "chat.read", "username": self.person.name, "seq": seq})

    LOOKS: ClassVar[dict[str, Callable[..., Awaitable[None]]]] = {
        "history": send_page,
        "typing": note_typing,
        "read": note_read,
        "report": report,
    }
    QUIET = ("history", "typing", "read")

    # What comes from elsewhere

    async def chat_message(self, event: Content) -> None:
        """Something was said or changed. Whatever is not the very next thing is read from the database."""
        async with self.turn:
            packed = event["message"]
            if packed["revision"] == self.revision + 1:
                await self.send_packed(packed)
                self.revision = packed["revision"]
                return
        if packed["revision"] > self.revision:
            await self.try_to(self.catch_up())

    async def chat_room(self, event: Content) -> None:
        """The room itself looks different."""
        if event["revision"] > self.revision:
            await self.try_to(self.catch_up())

    async def chat_typing(self, event: Content) -> None:
        if event["key"] != self.person.key and self.is_alive:
            await self.send_json({"type": "typing", "username": event["username"]})

    async def chat_read(self, event: Content) -> None:
        if event["key"] != self.person.key and self.is_alive and self.shows_reads:
            await self.send_json({"type": "read", "username": event["username"], "seq": event["seq"]})

    async def chat_who(self, event: Content) -> None:
        roster.answer(self.room_pk, event["process"])

    async def chat_roster(self, event: Content) -> None:
        roster.hear(self.room_pk, event["process"], event["people"])

    async def order_status(self, event: Content) -> None:
        """The order has gone on: what happened stands in the stream."""
        await self.try_to(hear_order(self.room_pk, event["seq"]))

    async def try_to(self, read: Awaitable[None]) -> None:
        """With the database away nothing is lost by waiting for the next check of chat.sockets.reconcile."""
        try:
            await read
        except DatabaseError as error:
            logger.warning("Room %d was not read: %s", self.room_pk, str(error) or type(error).__name__)

    async def order_eta(self, event: Content) -> None:
        """Its forecast has moved: nothing that was said."""

    async def meet(self, room: Room | None, line: Content | None) -> None:
        """From chat.sockets.reconcile."""
        if room is None or (room.order and self.person.is_guest and not rooms.is_customer(room.order, self.person)):
            return await self.close(UNKNOWN)
        if room.revision > self.revision:
            return await self.catch_up()
        if line is not None and "line" in self.looks:
            await self.send_line(line)
        if room.order is not None and room.order.seq > room.order_seq:
            await hear_order(self.room_pk, room.order.seq)

    # What is sent

    async def catch_up(self) -> None:
        """Everything that is newer than what was sent."""
        async with self.turn:
            try:
                news = await read_news(self.room_pk, self.person, self.revision)
            except rooms.NoRoom:
                return await self.close(UNKNOWN)
            for packed in news.messages:
                await self.send_packed(packed)
            self.ahead = {one["seq"]: one["revision"] for one in news.messages if one["revision"] > news.revision}
            self.note(news)
            if self.looks.get("room") != look_of(news.shown):
                self.looks["room"] = look_of(news.shown)
                await self.send_json({"type": "room", "room": news.shown})
            await self.send_line(news.line)
        await self.show_here(roster.names(self.room_pk))

    def note(self, news: history.News) -> None:
        self.room, self.revision, self.is_alive = news.room, news.revision, news.is_alive
        self.shows_reads = news.shows_reads

    async def send_packed(self, packed: stream.Packed) -> None:
        if self.ahead.get(packed["seq"]) == packed["revision"]:
            return
        if packed["seq"] > self.last_seq:
            self.last_seq = packed["seq"]
            await self.send_json(stream.show(packed, self.person))
        else:
            await self.send_json(stream.show_change(packed))

    async def send_line(self, line: Content | None) -> None:
        if line is not None:
            await self.send_look("line", line)

    async def show_here(self, names: list[Name]) -> None:
        """In a private room that was closed nobody learns any more when the other reads."""
        shown = names if self.is_alive else [self.name]
        people = [{"username": name, "guest": is_guest} for name, is_guest in shown]
        await self.send_look("here", {"people": people})

    async def send_look(self, kind: str, frame: Content) -> None:
        """Unless it is what was sent last."""
        text = json.dumps({"type": kind, **frame})
        if self.looks.get(kind) != text:
            self.looks[kind] = text
            await self.send(text)

    async def send_json(self, frame: Content) -> None:
        await self.send(json.dumps(frame))

    async def complain(self, refused: Refused, client_id: object = None) -> None:
        named = {"id": client_id} if isinstance(client_id, str) else {}
        await self.send_json({"type": "error", "error": str(refused), **named})

    def tell_others(self, message: Content) -> None:
        broadcaster.send(stream.group_name(self.room_pk), {**message, "key": self.person.key})


def look_of(shown: Content) -> str:
    """What says whether a room looks different. How far it goes, and was read, is told by other frames."""
    return json.dumps({name: value for name, value in shown.items() if name not in ("last_seq", "last_read")})


def last_number(value: str) -> int | None:
    """The `after` of an address; None if there is none that could be."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _enter(slug: str, who: Person, address: str) -> Room:
    """A public room that nobody has opened yet is made, as long as this person has not made too many."""
    room = rooms.enter(slug, who, lambda: rooms.may_make(who, address))
    if who.user is not None:
        rooms.membership(room, who)
    return room


def _act(kind: str, room_pk: int, who: Person, content: Content) -> object:
    return actions.VERBS[kind](room_pk, who, content, timezone.now())


# What is written goes through the process's one database thread; what is read waits for nobody.

enter = database_sync_to_async(_enter)
act = database_sync_to_async(_act)
read = database_sync_to_async(messages.read)
report = database_sync_to_async(messages.report)
hear_order = database_sync_to_async(orders.hear_order)

free = database_sync_to_async(free_name, thread_sensitive=False)
may_speak = database_sync_to_async(messages.may_speak, thread_sensitive=False)
read_news = database_sync_to_async(history.news, thread_sensitive=False)
read_last = database_sync_to_async(history.last, thread_sensitive=False)
read_before = database_sync_to_async(history.before, thread_sensitive=False)
read_after = database_sync_to_async(history.after, thread_sensitive=False)
read_altered = database_sync_to_async(history.altered, thread_sensitive=False)
read_reads = database_sync_to_async(history.reads, thread_sensitive=False)
