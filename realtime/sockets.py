"""Identify the person behind a socket, in one of three ways that are the same for every consumer.

1. A page of this site (its Origin says so) is identified by the session's cookie.
2. `Authorization: Token <key>` identifies by the token. No Origin is needed, and cookies are ignored.
3. Otherwise cookies are ignored, and the first message can be {"type": "authenticate", "token": "<key>"}.

What anyone may read, anyone may watch, with or without an Origin: there a client without a log-in is a visitor at
once. Where an account is needed, the third way is the only one left: within five seconds, and nothing is obeyed before
it. A client that does not use it is told what is missing. Query strings are ignored: addresses end up in logs.

A page can name the person it was made for in its address (`?as=`, accounts.whose), which is no secret. It is closed
with 4409 if the session is somebody else's by now, so nothing typed on it is sent in their name.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from time import monotonic
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlparse

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.security.websocket import OriginValidator, WebsocketDenier
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import Error as DatabaseError

from accounts.whose import now_it_is, whose
from pizzaProj.waits import AUTHENTICATE_GRACE_SECONDS, AUTHENTICATE_SECONDS
from realtime import admission, census, heartbeat, identities
from realtime.admission import address_of
from realtime.awake import awake_for
from realtime.backpressure import SEND_AT_ONCE
from realtime.door import door
from realtime.gathered import Gathered, each
from realtime.hub import Event, hub
from realtime.identities import Credential, TooManyTries, Who
from realtime.pace import SLOW_DOWN, TOO_MANY, TOO_MANY_FRAMES, Pace, Verdict
from realtime.refused import Refused
from realtime.revalidation import revalidator
from realtime.seldom import Seldom
from realtime.turns import Turns
from telemetry import trace

logger = logging.getLogger(__name__)
closed = Seldom(logger, "Sockets asked to come back: %d. The reason: %s")

LOGGED_OUT = 4401  # close codes are 4000 + the HTTP status
FORBIDDEN = 4403
UNKNOWN = 4404
ANOTHERS = 4409  # the page was made for somebody else
UNAVAILABLE = 4503  # the database is away, there is too much to do, or what it shows is not there: try again
ANSWER_SECONDS = 4.0  # for one message of a client; then the database, or whatever else is waited for, counts as away
NO_LOG_IN = (
    "This is for people with an account. Log in, or let your script send {}, or the header {}, with a key from your "
    "profile page."
).format('{"type": "authenticate", "token": "<key>"} first', "“Authorization: Token <key>”")
MAX_AUTHENTICATE = 1000  # characters

MayStay = Callable[[User | AnonymousUser], bool]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Ended(Exception):
    """The socket was closed while its message was being handled, so stop handling it."""


class Identified(AsyncWebsocketConsumer):
    """A consumer that knows who is at the other end.

    Subclasses define `kind`, `opened` and `received`, and `needs_account`, `may_stay`, `greet` and `refreshed` where
    they differ. They leave connect, receive and dispatch alone, and clean up in `__call__` (as OrderWatcher does).
    """

    kind: str = "other"  # what the socket is about, for those who count
    needs_account: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.user: User | AnonymousUser = AnonymousUser()  # as it was last read; `current_user` reads it again
        self.guest = ""  # the visitor's id in the session (accounts.guests); only on a page of this site
        self.credential: Credential | None = None
        self._is_connecting = True
        self._is_open = False  # `opened` was called
        self._may_authenticate = False  # with the next message
        self._was_asked = False  # to log in
        self.has_ended = False
        self.ended_by = census.BY_CLIENT
        self.is_busy = False  # while a message is being handled
        self.heard_at = 0.0  # the last word from the client, on time.monotonic
        self.is_hidden = False  # the page, as its last heartbeat said
        self._place = ""  # the person whose number of sockets this one counts for
        self._pace = Pace()
        self._token_wait: asyncio.Task[None] | None = None
        self._groups: list[str] = []
        self._turns = Turns()

    # What subclasses define

    async def opened(self) -> None:
        """Subscribe, then send a snapshot. Called when the socket is accepted and `self.user` is known."""

    async def received(self, text: str | None) -> None:
        """Handle one message, never before `opened`. `text` is None if it was bytes."""

    def may_stay(self, user: User | AnonymousUser) -> bool:
        """Return whether a person with an account is allowed here; if not, the socket is closed with 4403.

        Called at the connect, before each action and every two seconds, with the account as it is now. Runs in a
        thread: it can query the database, but must not touch the socket.
        """
        return True

    async def greet(self, username: str) -> None:
        """Answer a message that authenticates."""
        await self.send(json.dumps(greeting(username)))

    async def refreshed(self) -> None:
        """Handle a new `self.user`: the revalidator has read it again, or a visitor has just authenticated."""

    def heard_at_once(self, event: Event) -> bool:
        """Handle an event of a group without waiting. False, with nothing done, where its handler is needed."""
        return False

    def newest(self) -> int | None:
        """Return the seq of the newest that was sent, for heartbeats, where the socket is about one order or room."""
        return None

    # What subclasses use

    @property
    def person_key(self) -> str:
        """Return whose pace and number of sockets this one shares; empty for a visitor without a session."""
        return f"u{self.user.pk}" if self.user.pk else self.guest and f"g{self.guest}"

    @cached_property
    def address(self) -> str:
        """Return the client's neighbourhood; empty if it is not known."""
        return identities.neighbourhood(address_of(self.scope))

    async def current_user(self) -> User | AnonymousUser:
        """Read the person again, before they act. Raise Ended if they are logged out or no longer allowed here."""
        if self.credential is not None:
            await self._apply(*await check_credential((self.credential, self.may_stay)))
            if self.has_ended:
                raise Ended
        return self.user

    async def turn_away(self, code: int) -> None:
        """Close a socket that is not for this person. A script can still send the token that lets it in."""
        is_script = self.credential is None and header(self.scope, b"origin") is None
        if not is_script:
            return await self.close(code)
        self._is_open = False
        self._expect_token()

    async def join(self, group: str) -> None:
        if self.has_ended:
            return  # nobody would leave it
        self._groups.append(group)
        await hub.join(group, self)

    async def leave(self, group: str) -> None:
        self._groups.remove(group)
        await hub.leave(self, group)

    async def send(self, *args: Any, **kwargs: Any) -> None:
        """Send, unless the socket has ended."""
        if not self.has_ended:
            await super().send(*args, **kwargs)

    def send_at_once(self, text: str) -> bool:
        """Send without waiting. False, with nothing sent, if the client reads slowly, or the server isn't Daphne."""
        extensions: dict[str, Any] = self.scope.get("extensions") or {}
        return SEND_AT_ONCE in extensions and bool(extensions[SEND_AT_ONCE](text))

    async def close(self, code: int | bool | None = None, reason: str | None = None) -> None:
        if not self.has_ended:
            self.has_ended = True
            self.ended_by = str(code)
            await super().close(code, reason)

    async def send_problem(self, words: str) -> None:
        await self.send(json.dumps({"type": "error", "error": words}))

    async def close_with_words(self, code: int, words: str) -> None:
        """Say why in a last frame: a close frame's reason goes no further than Daphne."""
        await self.send_problem(words)
        await self.close(code)

    # Identification

    async def __call__(self, *args: Any) -> None:
        """Run the socket, and leave the checks however it ends, even by an error."""
        self.scope, receive, self.base_send = args
        try:
            with census.counted(self), suppress(StopConsumer):
                await self._turns.take(partial(self._read, receive), self.dispatch)
        finally:
            self.has_ended = True
            self._stop_waiting()
            self._turns.end()
            admission.people.leave(self._place)
            revalidator.leave(self)
            heartbeat.silence_check.leave(self)
            await hub.leave(self, *self._groups)

    def hear(self, event: Event) -> None:
        """Handle an event of a group: at once if that needs no waiting, otherwise when it is its turn."""
        if self.has_ended:
            return
        if not self.is_busy and not self._turns.events:
            with suppress(Exception):  # the handler will fail as well, and end this socket alone
                if self.heard_at_once(event):
                    return
        self._turns.add(event)

    async def _read(self, receive: Receive) -> dict[str, Any]:
        """Return the next message that is no heartbeat, and answer those before it. Drop what is too much."""
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            if not await self._is_heard(message.get("text")):
                await asyncio.sleep(0)  # others have a turn between any two that are dropped
                continue
            beat = heartbeat.parse_heartbeat(message.get("text"))
            if beat is None or not (self._is_open or self._is_connecting):
                return message
            await self._answer(beat)

    async def _is_heard(self, text: str | None) -> bool:
        """Return whether the frame is to be read. Say so if it is not, now and then; close the socket of a flood."""
        self.heard_at = monotonic()
        verdict = Verdict.REFUSED if self.has_ended else self._pace.judge(text, self.person_key, self.address)
        if verdict is Verdict.FLOOD:
            await self.close_with_words(TOO_MANY, TOO_MANY_FRAMES)
        elif verdict is Verdict.REFUSED and not self.has_ended and self._pace.is_worth_words():
            await self.send_problem(SLOW_DOWN)
        return verdict is Verdict.HEARD

    async def _answer(self, beat: dict[str, Any]) -> None:
        self.is_hidden = bool(beat.get("hidden"))
        if not self.has_ended:
            heartbeat.silence_check.join(self)
            words = heartbeat.answer(self.newest())
            if not self.send_at_once(words):
                await super().send(words)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler without closing old database connections around it, unlike Channels.

        Channels does that in the process's one sync thread, which takes five sixths of a delivery. Here only rare
        reads touch the database, and each of them takes care of its own connection.
        """
        if message["type"] == "websocket.disconnect":
            self.has_ended = True
        elif self.has_ended:
            return
        self.is_busy = True
        try:
            await getattr(self, get_handler_name(message))(message)
        except Ended:
            pass
        except Refused as refused:
            await self.close_with_words(UNAVAILABLE, str(refused))
        except (DatabaseError, TimeoutError) as error:
            if message["type"] == "websocket.disconnect":  # nobody is there any more, and only an error ends this
                raise
            closed.warn(error)
            await self.close(UNAVAILABLE)
        finally:
            self.is_busy = False

    async def websocket_disconnect(self, message: Any) -> None:
        """End at once. Channels would first look after the one sync thread's connection, which is not used here."""
        raise StopConsumer

    async def connect(self) -> None:
        await self.accept()  # at once: Daphne refuses a handshake that takes long
        try:
            async with door.passing(), awake_for(ANSWER_SECONDS):
                if not self._turns.has_left():
                    await self._let_in()
        finally:
            self._is_connecting = False

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        is_first, self._may_authenticate = self._may_authenticate, False
        beat = heartbeat.parse_heartbeat(text_data)
        content = parse_authenticate(text_data) if is_first else None
        async with awake_for(ANSWER_SECONDS):
            if content is not None:
                self._stop_waiting()
                await self._identify_by(content.get("token"), is_told=True)
            elif not self._is_open:
                await self._refuse()
            elif beat is not None:  # it was read before the token was
                await self._answer(beat)
            else:
                with trace.in_course_of(trace.new_id()):
                    await self.received(text_data)

    async def _let_in(self) -> None:
        key = token_in(self.scope)
        if key is not None:
            return await self._identify_by(key)
        is_page = header(self.scope, b"origin") is not None
        credential = Credential(session_key=(session_key_in(self.scope) if is_page else None) or "")
        who, may_stay = identities.NOBODY, True
        if credential.session_key:
            who, may_stay = await check_credential((credential, self.may_stay))
        if page_of(self.scope) not in ("", whose(who.user)):
            return await self._refuse_page(who)
        if who.user.is_authenticated:
            return await self._identify(credential, who, may_stay)
        self.guest = who.guest
        self._may_authenticate = True
        if not self.needs_account:
            await self._begin()
        else:
            self._expect_token()

    async def _refuse_page(self, who: Who) -> None:
        """Close the socket of a page that was made for somebody else than the person who is there now."""
        await self.send(json.dumps({"type": "error", "error": now_it_is(who.user)}))
        await self.close(ANOTHERS)

    async def _identify_by(self, key: object, is_told: bool = False) -> None:
        """Identify by a token. `is_told` if it came in a message, which gets an answer."""
        try:
            found = await check_token(key, address_of(self.scope), self.may_stay)
        except TooManyTries:
            return await self.close(TOO_MANY)
        if found is None:
            return await self.close(LOGGED_OUT)
        if is_told:
            await self.greet(found[1].user.get_username())
        await self._identify(*found)

    async def _identify(self, credential: Credential, who: Who, may_stay: bool) -> None:
        if not may_stay:
            return await self.close(FORBIDDEN)
        self.credential, self.user, self.guest = credential, who.user, who.guest
        if self._is_open and not await self._take_place():
            return
        revalidator.join(self)
        await (self.refreshed() if self._is_open else self._begin())

    async def _begin(self) -> None:
        if await self._take_place():
            self._is_open = True
            await self.opened()

    async def _take_place(self) -> bool:
        """Count the socket as its person's, or close it, if they have too many."""
        if self.person_key == self._place:
            return True
        if not admission.people.enter(self.person_key):
            await self.close_with_words(TOO_MANY, admission.TOO_MANY_OF_PERSON)
            return False
        admission.people.leave(self._place)
        self._place = self.person_key
        return True

    def _expect_token(self) -> None:
        self._token_wait = asyncio.create_task(self._wait_for_token())

    async def _wait_for_token(self) -> None:
        """Say what is missing, and close the socket unless a token comes."""
        grace_seconds = min(AUTHENTICATE_GRACE_SECONDS, AUTHENTICATE_SECONDS)
        await asyncio.sleep(grace_seconds)
        await self._ask_for_log_in()
        await asyncio.sleep(AUTHENTICATE_SECONDS - grace_seconds)
        await self.close(LOGGED_OUT)

    async def _refuse(self) -> None:
        """Close the socket of a client that has sent something else than its token."""
        if not self._was_asked:
            await self._ask_for_log_in()
        self._stop_waiting()
        await self.close(LOGGED_OUT)

    async def _ask_for_log_in(self) -> None:
        """Say that an account is needed, once. Our own pages know it from the close code."""
        self._was_asked = True
        if header(self.scope, b"origin") is None:
            await self.send_problem(NO_LOG_IN)

    def _stop_waiting(self) -> None:
        if self._token_wait is not None:
            self._token_wait.cancel()
            self._token_wait = None

    # The end

    async def revalidate(self, who: Who, may_stay: bool) -> None:
        """Close, or continue as the person whom the revalidator has just read."""
        await self._apply(who, may_stay)
        if not self.has_ended and not self.is_busy:  # otherwise after the next check
            await self.refreshed()

    async def _apply(self, who: Who, may_stay: bool) -> None:
        if who.user.pk != self.user.pk:
            await self.close(LOGGED_OUT)
        elif not may_stay:
            await self.close(FORBIDDEN)
        else:
            self.user, self.guest = who.user, who.guest


class OwnOriginValidator(OriginValidator):
    """Refuse pages of other sites at the handshake.

    With a token, or without an Origin, cookies are ignored, so there is nothing that a foreign page could misuse.
    """

    def __init__(self, application: Any) -> None:
        self.application: Any
        super().__init__(application, settings.ALLOWED_HOSTS)
        # Django writes https://*.shop.example, Channels https://.shop.example
        self.trusted = [origin.replace("//*.", "//.") for origin in settings.CSRF_TRUSTED_ORIGINS]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        origin = header(scope, b"origin")
        if origin is None or token_in(scope) is not None or self.is_ours(origin, header(scope, b"host")):
            return await self.application(scope, receive, send)
        census.note_refusal("origin")
        return await WebsocketDenier()(scope, receive, send)

    def is_ours(self, origin: str, host: str | None) -> bool:
        """Return whether the page's host is in ALLOWED_HOSTS, as Channels reads it, or in CSRF_TRUSTED_ORIGINS.

        Channels takes * in ALLOWED_HOSTS for any site at all; here the page must then come from the requested host.
        """
        try:
            address = urlparse(origin)
            if any(self.match_allowed_origin(address, trusted) for trusted in self.trusted):
                return True
            if "*" in self.allowed_origins:
                return host is not None and address.netloc == host
            return bool(self.valid_origin(address))
        except ValueError:  # not an address
            return False


def greeting(username: str) -> dict[str, Any]:
    return {"type": "authenticated", "username": username}


def header(scope: Any, name: bytes) -> str | None:
    """Return the last header of this name, as Channels does for the Origin."""
    value = dict(scope["headers"]).get(name)
    return None if value is None else value.decode("latin1")


def page_of(scope: Any) -> str:
    """Return the word of the page's person, empty for clients that name none."""
    found = parse_qs(scope["query_string"].decode("latin1"))
    return str(found.get("as", [""])[-1])


def token_in(scope: Any) -> str | None:
    """Return the key in `Authorization: Token <key>`, possibly empty. None without it or with another scheme."""
    scheme, _, key = (header(scope, b"authorization") or "").strip().partition(" ")
    return key.strip() if scheme.lower() == "token" else None


def session_key_in(scope: Any) -> str | None:
    """Return the session's key. None also for a value that can't be one: PostgreSQL would refuse a NUL."""
    key = scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
    return key if key.isascii() and key.isalnum() else None


def parse_authenticate(text: str | None) -> dict[str, Any] | None:
    """Return the message if it authenticates, None for any other."""
    try:
        content = json.loads(text) if text and len(text) <= MAX_AUTHENTICATE else None
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and content.get("type") == "authenticate" else None


# Read who it is and whether they are allowed here, with one switch to a thread.


def _check_credentials(shown: Sequence[tuple[Credential, MayStay]]) -> list[tuple[Who, bool] | Exception]:
    people = identities.read_all({credential for credential, _ in shown})
    return each(lambda one: (people[one[0]], one[1](people[one[0]].user)), shown)


def _check_token(key: object, address: str, may_stay: MayStay) -> tuple[Credential, Who, bool] | None:
    found = identities.by_token(key, address)
    return found and (*found, may_stay(found[1].user))


check_credential = Gathered(_check_credentials)
check_token = database_sync_to_async(_check_token)
