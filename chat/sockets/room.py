"""The socket of a room, `/ws/chat/<slug>/`: subscribe, then snapshot, then stream.

A client sends {"message": "..."}. It can add "username" and "room_name", which are never believed for a member.
Everything else has a "type" (actions.VERBS, RoomSocket.HANDLERS). The socket sends {"type": "message", ...} for each
message, and frames of other types, which have no "message".
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

from accounts.limits import TooMany, pace
from chat import history, messages, orders, rooms, stream
from chat.models import Message, Room
from chat.person import CUSTOMER, Person, free_name, person
from chat.sockets import actions
from chat.sockets.presence import Name, roster
from chat.sockets.rate_limit import RateLimit
from chat.sockets.reconcile import room_check
from home import live
from pizzaProj import limits
from pizzaProj.lanes import Lane
from realtime.admission import address_of
from realtime.broadcast import broadcaster
from realtime.incoming import Unkeepable, parse_object
from realtime.refused import Refused
from realtime.sockets import UNKNOWN, Identified

logger = logging.getLogger(__name__)

MAX_FRAME = 30_000  # characters; escaped, a message of 2,000 can take twelve times as many
TOO_FAST = "Slow down: at most {} messages in {} seconds.".format(*limits.PACES["message"])
READ_ON: dict[str, Any] = {"type": "history", "messages": [], "more": True}

frequent_limit = RateLimit(limits.SIGNALS, limits.SIGNALS_SECONDS)  # the FREQUENT types
frequent_limit_of_address = RateLimit(limits.SIGNALS_OF_ADDRESS, limits.SIGNALS_SECONDS)

history_lane = Lane(limits.HISTORIES_AT_ONCE)

Content = dict[str, Any]
Page = tuple[list[stream.Packed], bool]  # messages, and whether there are more


def may_write(writer: str, address: str) -> bool:
    """Count one more of this writer and of all at the address. Return False and count none if that is too many."""
    tries: list[tuple[object, ...]] = [("message", writer)]
    if address:
        tries.append(("message_address", address))
    try:
        pace(*tries)
    except TooMany:
        return False
    return True


class RoomSocket(Identified):
    """Show one room to one person. Each message is sent once, in the order of `seq`."""

    kind = "room"
    needs_account = False

    def __init__(self) -> None:
        super().__init__()
        self.room: Room | None = None  # as last read; None until the person is let in
        self.room_pk = 0
        self.person = Person(None)
        self.word = secrets.token_hex(16)  # identifies a visitor without a session, while the socket lives
        self.chosen_name = ""  # a visitor's
        self.last_seq = 0  # the newest message sent
        self.is_behind = False  # the client has not asked yet for all that it missed
        self.was_told = False  # that it is, since its last page
        self.revision = 0  # of the room; everything up to it was sent
        self.ahead: dict[int, int] = {}  # seq -> revision of messages sent that are newer than that
        self.sent_frames: dict[str, str] = {}  # by type: frames sent only if they changed
        self.is_alive = True
        self.shows_reads = True
        self.send_lock = asyncio.Lock()  # one task at a time reads what is new and sends it

    async def __call__(self, *args: Any) -> None:
        try:
            await super().__call__(*args)
        finally:
            room_check.leave(self)
            roster.leave(self)

    def may_stay(self, user: User | AnonymousUser) -> bool:
        return self.room is None or rooms.can_read(self.room, self.as_person(user))

    def as_person(self, user: User | AnonymousUser) -> Person:
        return person(user, self.guest or self.word, self.chosen_name)

    @property
    def name(self) -> Name:
        return self.person.name, self.person.is_guest

    @property
    def writer_key(self) -> str:
        """Return whose messages are counted: a visitor without a session is the visitor of their address."""
        return self.person_key or (self.address and f"a{self.address}") or self.person.key

    def newest(self) -> int:
        """Return the newest seq sent; to a client that is behind the room's, which a page of 0.8.0 comes back for."""
        return self.room.last_seq if self.room is not None and self.is_behind else self.last_seq

    # Connecting

    async def opened(self) -> None:
        slug = self.scope["url_route"]["kwargs"]["slug"]
        query = parse_qs(self.scope["query_string"].decode("latin1"), keep_blank_values=True)
        self.person = self.as_person(self.user)
        try:
            self.room = await enter(slug, self.person, address_of(self.scope))
        except rooms.NoRoom:
            return await self.turn_away(UNKNOWN)
        except Refused as refused:
            await self.send_error(refused)
            return await self.close(UNKNOWN)
        self.room_pk = self.room.pk
        try:
            await self.subscribe(query)
        except rooms.NoRoom:  # deleted since it was entered
            await self.close(UNKNOWN)

    async def subscribe(self, query: dict[str, list[str]]) -> None:
        assert self.room is not None
        await self.join(stream.group_name(self.room_pk))
        if self.room.order is not None:
            await self.join(live.group_name(self.room.order.order_id))
            await copy_events(self.room_pk)
        try:
            await self.take_name(query.get("username", [""])[-1])
        except Refused as refused:  # then they keep the name they have
            await self.send_error(refused)
        async with self.send_lock:
            await self.welcome(last_number(query.get("after", [""])[-1]))
        room_check.join(self)
        roster.join(self)
        await self.show_here(roster.names(self.room_pk))

    async def take_name(self, name: object) -> None:
        """Give a visitor in a public room the name they ask for. Refused if it is taken. Members keep theirs."""
        if not self.person.is_guest:
            return
        if self.room is not None and self.room.order is not None:
            self.chosen_name = CUSTOMER
        elif name and name != self.chosen_name:
            self.chosen_name = await free(name)
            roster.announce_soon(self.room_pk)
        self.person = self.as_person(self.user)

    async def welcome(self, after: int | None) -> None:
        """Send the room, then its last messages, or the first of those after the last one that the client has seen."""
        snapshot = await read_snapshot(self.room_pk, self.person, None)
        self.note(snapshot)
        self.sent_frames["room"] = visible_state(snapshot.shown)
        you = {"username": self.person.name, "guest": self.person.is_guest}
        await self.send_json({"type": "welcome", "room": snapshot.shown, "you": you})
        self.is_behind = after is not None
        if after is None:
            await self.send_history(await self.read_in_turn(read_last))
        else:
            await self.send_missed(min(after, snapshot.room.last_seq))
        await self.send_line(snapshot.line)
        for read in await read_reads(self.room_pk, self.person) if self.is_alive else []:
            await self.send_json(read)

    async def send_missed(self, after: int) -> None:
        for packed in await read_altered(self.room_pk, self.person, after):
            await self.send_json(stream.show_change(packed))
        self.last_seq = after
        await self.send_after(after)

    async def send_after(self, seq: object) -> None:
        """Send the page after this message. Nothing newer is sent before a client that is behind has all pages."""
        page = await self.read_in_turn(read_after, seq)
        await self.send_history(page)
        self.is_behind = self.is_behind and page[1]

    async def read_in_turn(self, read: Callable[..., Awaitable[Page]], *where: object) -> Page:
        """Read a page of history. Pages of the shop must not wait for fifty people who scroll back."""
        async with history_lane.turn(self.address):
            return await read(self.room_pk, self.person, *where)

    async def send_history(self, page: Page) -> None:
        found, is_more = page
        self.was_told = False
        self.last_seq = max([self.last_seq, *(packed["seq"] for packed in found)])
        shown = [stream.show(packed, self.person) for packed in found]
        await self.send_json({"type": "history", "messages": shown, "more": is_more})

    async def refreshed(self) -> None:
        """Send the room again if the person is another one: the account was read again, or a visitor sent a token."""
        before, self.person = self.person, self.as_person(self.user)
        if self.room is None or before.key == self.person.key:
            return
        roster.announce_soon(self.room_pk)
        try:
            async with self.send_lock:
                await self.welcome(None)
        except rooms.NoRoom:
            await self.close(UNKNOWN)

    # From the client

    async def received(self, text: str | None) -> None:
        content: Content = {}
        try:
            content = parse_object(text, MAX_FRAME)
            await self.handle(content)
        except rooms.NoRoom:
            await self.close(UNKNOWN)
        except Unkeepable as refused:
            await self.send_error(refused, refused.content.get("id"))
        except Refused as refused:
            await self.send_error(refused, content.get("id"))

    async def handle(self, content: Content) -> None:
        kind = actions.kind_of(content)
        if kind not in actions.VERBS and kind not in self.HANDLERS:
            raise Refused("Unknown type.")
        if not await self.keeps_pace(kind):
            raise Refused(TOO_FAST)
        self.person = self.as_person(await self.current_user())
        if kind in self.HANDLERS:
            return await self.HANDLERS[kind](self, content)
        if kind == "message":
            await self.take_name(content.get("username"))
        known = self.last_seq  # before it is stored: the check can send it before it is confirmed
        await self.confirm(await act(kind, self.room_pk, self.person, content), known)

    async def keeps_pace(self, kind: str) -> bool:
        """Count what is asked. Return False if it is one too many of this person, or of everybody at the address."""
        if kind not in self.FREQUENT:
            return await asyncio.to_thread(may_write, self.writer_key, self.address)  # it can wait for Valkey
        if not frequent_limit.allows(self.person.key):
            return False
        return not self.address or frequent_limit_of_address.allows(self.address)

    async def confirm(self, done: object, known: int) -> None:
        """Send the stored message. One that was sent again, and was known before, is confirmed again."""
        await self.catch_up()
        if isinstance(done, Message) and done.seq <= known:
            await self.send_json(stream.show(stream.pack(done), self.person))

    async def send_page(self, content: Content) -> None:
        async with self.send_lock:
            if "after" in content:
                await self.send_after(content["after"])
            else:
                await self.send_history(await self.read_in_turn(read_before, content.get("before")))

    async def report(self, content: Content) -> None:
        await report(self.room_pk, self.person, content.get("seq"), content.get("reason"))
        await self.send_json({"type": "reported", "seq": content["seq"]})

    async def note_typing(self, content: Content) -> None:
        if await can_write(self.room_pk, self.person):
            self.tell_others({"type": "chat.typing", "username": self.person.name})

    async def note_read(self, content: Content) -> None:
        if await read(self.room_pk, self.person, content.get("seq")) and self.is_alive:
            seq = min(content["seq"], self.last_seq)
            self.tell_others({"type": "chat.read", "username": self.person.name, "seq": seq})

    HANDLERS: ClassVar[dict[str, Callable[..., Awaitable[None]]]] = {
        "history": send_page,
        "typing": note_typing,
        "read": note_read,
        "report": report,
    }
    FREQUENT = ("history", "typing", "read")

    # From the channel layer and the check

    async def chat_message(self, event: Content) -> None:
        """Send a new or changed message. If it is not the next revision, read what is missing from the database."""
        async with self.send_lock:
            packed = event["message"]
            if packed["revision"] == self.revision + 1:
                await self.send_packed(packed)
                self.revision = packed["revision"]
                return
        if packed["revision"] > self.revision:
            await self.try_read(self.catch_up())

    async def chat_room(self, event: Content) -> None:
        """Catch up: the room itself has changed."""
        if event["revision"] > self.revision:
            await self.try_read(self.catch_up())

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
        """Copy the order's new events into the stream."""
        await self.try_read(copy_events(self.room_pk, event["seq"]))

    async def try_read(self, read: Awaitable[None]) -> None:
        """Log a database that is away. Nothing is lost: the next check of chat.sockets.reconcile catches up."""
        try:
            await read
        except DatabaseError as error:
            logger.warning("Room %d was not read: %s", self.room_pk, str(error) or type(error).__name__)

    async def order_removed(self, event: Content) -> None:
        await self.close(UNKNOWN)

    async def order_eta(self, event: Content) -> None:
        """Ignore a new forecast: it is no part of the conversation."""

    async def resync(self, room: Room | None, line: Content | None) -> None:
        """Compare with the room as chat.sockets.reconcile has just read it, and catch up."""
        if room is None or (room.order and self.person.is_guest and not rooms.is_customer(room.order, self.person)):
            return await self.close(UNKNOWN)
        if room.revision > self.revision:
            return await self.catch_up()
        if line is not None and "line" in self.sent_frames:
            await self.send_line(line)
        if room.order is not None and room.order.seq > room.order_seq:
            await copy_events(self.room_pk, room.order.seq)

    # To the client

    async def catch_up(self) -> None:
        """Send everything that is newer than what was sent."""
        async with self.send_lock:
            try:
                snapshot = await read_snapshot(self.room_pk, self.person, self.revision)
            except rooms.NoRoom:
                return await self.close(UNKNOWN)
            for packed in snapshot.messages:
                await self.send_packed(packed)
            self.ahead = {
                one["seq"]: one["revision"] for one in snapshot.messages if one["revision"] > snapshot.revision
            }
            self.note(snapshot)
            if self.sent_frames.get("room") != visible_state(snapshot.shown):
                self.sent_frames["room"] = visible_state(snapshot.shown)
                await self.send_json({"type": "room", "room": snapshot.shown})
            await self.send_line(snapshot.line)
        await self.show_here(roster.names(self.room_pk))

    def note(self, snapshot: history.Snapshot) -> None:
        self.room, self.revision, self.is_alive = snapshot.room, snapshot.revision, snapshot.is_alive
        self.shows_reads = snapshot.shows_reads

    async def send_packed(self, packed: stream.Packed) -> None:
        if self.ahead.get(packed["seq"]) == packed["revision"]:
            return
        if packed["seq"] <= self.last_seq:
            await self.send_json(stream.show_change(packed))
        elif not self.is_behind:
            self.last_seq = packed["seq"]
            await self.send_json(stream.show(packed, self.person))
        elif not self.was_told:
            self.was_told = True
            await self.send_json(READ_ON)

    async def send_line(self, line: Content | None) -> None:
        if line is not None:
            await self.send_if_changed("line", line)

    async def show_here(self, names: list[Name]) -> None:
        """Send who is here. In a closed private room neither of the two sees the other any longer."""
        shown = names if self.is_alive else [self.name]
        people = [{"username": name, "guest": is_guest} for name, is_guest in shown]
        await self.send_if_changed("here", {"people": people})

    async def send_if_changed(self, kind: str, frame: Content) -> None:
        """Send the frame, unless the last one of this type was the same."""
        text = json.dumps({"type": kind, **frame})
        if self.sent_frames.get(kind) != text:
            self.sent_frames[kind] = text
            await self.send(text)

    async def send_json(self, frame: Content) -> None:
        await self.send(json.dumps(frame))

    async def send_error(self, refused: Refused, client_id: object = None) -> None:
        named = {"id": client_id} if isinstance(client_id, str) else {}
        await self.send_json({"type": "error", "error": str(refused), **named})

    def tell_others(self, message: Content) -> None:
        broadcaster.send(stream.group_name(self.room_pk), {**message, "key": self.person.key})


def visible_state(shown: Content) -> str:
    """Return a room's state for comparison, without `last_seq` and `last_read`, which other frames tell."""
    return json.dumps({name: value for name, value in shown.items() if name not in ("last_seq", "last_read")})


def last_number(value: str) -> int | None:
    """Return the number after `after=` in an address; None if it is missing or no number."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _enter(slug: str, who: Person, address: str) -> Room:
    """Enter the room. A public room that does not exist yet is created, unless this person has created too many."""
    room = rooms.enter(slug, who, lambda: rooms.can_create(who, address))
    if who.user is not None:
        rooms.membership(room, who)
    return room


def _act(kind: str, room_pk: int, who: Person, content: Content) -> object:
    return actions.VERBS[kind](room_pk, who, content, timezone.now())


# Writes go through the process's one database thread; reads do not wait for it.

enter = database_sync_to_async(_enter)
act = database_sync_to_async(_act)
read = database_sync_to_async(messages.read)
report = database_sync_to_async(messages.report)
copy_events = database_sync_to_async(orders.copy_events)

free = database_sync_to_async(free_name, thread_sensitive=False)
can_write = database_sync_to_async(messages.can_write, thread_sensitive=False)
read_snapshot = database_sync_to_async(history.snapshot, thread_sensitive=False)
read_last = database_sync_to_async(history.last, thread_sensitive=False)
read_before = database_sync_to_async(history.before, thread_sensitive=False)
read_after = database_sync_to_async(history.after, thread_sensitive=False)
read_altered = database_sync_to_async(history.altered, thread_sensitive=False)
read_reads = database_sync_to_async(history.reads, thread_sensitive=False)
