"""Turn a client's JSON into a call of a verb. There are no rules here, only which verb gets which arguments.

Every function runs in a thread. Anything wrong is Refused with a sentence.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chat import messages, orders, requests
from chat.models import Message
from chat.person import Person
from realtime.refused import Refused

Content = dict[str, Any]
Verb = Callable[[int, Person, Content, datetime], Any]


def say(room_pk: int, person: Person, content: Content, now: datetime) -> Message:
    if "message" not in content:
        raise Refused('Send {"message": "..."}.')
    return messages.post(room_pk, person, content["message"], content.get("id"), now)


def edit(room_pk: int, person: Person, content: Content, now: datetime) -> None:
    messages.edit(room_pk, person, content.get("seq"), content.get("message"), now)


def delete(room_pk: int, person: Person, content: Content, now: datetime) -> None:
    messages.delete(room_pk, person, content.get("seq"), now)


def remove(room_pk: int, person: Person, content: Content, now: datetime) -> None:
    messages.remove(room_pk, person, content.get("seq"), now)


def mute(room_pk: int, person: Person, content: Content, now: datetime) -> None:
    messages.mute(room_pk, person, content.get("muted"), content.get("seq"), content.get("username"))


def answer_request(room_pk: int, person: Person, content: Content, now: datetime) -> None:
    too_late = requests.answer(room_pk, person, content.get("seq"), content.get("accept"), now)
    if too_late:
        raise Refused(too_late)


def take(room_pk: int, person: Person, content: Content, now: datetime) -> None:
    orders.take(room_pk, person, now)


def hand_over(room_pk: int, person: Person, content: Content, now: datetime) -> None:
    orders.hand_over(room_pk, person, content.get("to"), now)


def close(room_pk: int, person: Person, content: Content, now: datetime) -> None:
    orders.close(room_pk, person, now)


def reopen(room_pk: int, person: Person, content: Content, now: datetime) -> None:
    orders.reopen(room_pk, person, now)


VERBS: dict[str, Verb] = {
    "message": say,
    "edit": edit,
    "delete": delete,
    "remove": remove,
    "mute": mute,
    "wish": requests.ask,
    "answer_wish": answer_request,
    "take": take,
    "hand_over": hand_over,
    "close": close,
    "reopen": reopen,
}
CONVERSATION = ("take", "hand_over", "close", "reopen")  # the kitchen's verbs, allowed from the inbox, too


def kind_of(content: Content) -> str:
    """Return the type of what a client sent: "message" if it names none."""
    kind = content.get("type", "message")
    return kind if isinstance(kind, str) else ""
