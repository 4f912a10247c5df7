"""The shop's sockets, with a whole frame of each verb to begin with. A new verb of the shop is here by itself."""

from random import Random
from typing import NamedTuple

from benchmarks.fuzz.frames import TEXTS, Verb
from chat.sockets.actions import VERBS as CHAT_VERBS
from chat.sockets.room import RoomSocket
from kitchen.board.actions import VERBS as BOARD_VERBS

ANYWHERE: list[Verb] = [
    {"type": "heartbeat", "hidden": True},
    {"type": "authenticate", "token": "no such token"},
]
STATION: Verb = {"stage": "baking", "places": 3, "headway_seconds": 9, "is_open": True, "mean_seconds": 60}
SHOP: Verb = {"is_open": True, "speed": 60, "demand_per_hour": 10, "carry_out_share": 0.5, "hands_over": True}
SPOKEN: Verb = {"message": "Hello", "id": "m-1", "seq": 1, "username": "Vera", "muted": True, "accept": True}


class Names(NamedTuple):
    """What exists in the shop that is attacked."""

    order: str  # its id
    room: str  # the slug of a public one
    private: str  # the slug of one whose members are others

    @property
    def conversation(self) -> str:
        return f"order-{self.order}"


class Kind(NamedTuple):
    pattern: str  # of the routing
    paths: list[str]
    verbs: list[Verb]


def kinds(names: Names) -> dict[str, Kind]:
    """Return all kinds of sockets by name."""
    one = {"order_id": names.order, "seq": 1, "item": 1, "reason": "it fell"}
    tapped = [{"action": name, **one} for name in (*BOARD_VERBS, "undo")]
    board = [*tapped, {"action": "override", "stage": "baked", **one}]
    board += [{"action": "station", "as_measured": False, "ends_by": "clock", **STATION}, {"action": "shop", **SHOP}]
    board += [{"action": "show", "first": {"baking": 50}}]
    spoken = [{"type": kind, **SPOKEN, "to": "bob", "reason": "rude"} for kind in CHAT_VERBS]
    spoken += [{"type": kind, "after": 0, "before": 9, **SPOKEN, "reason": "rude"} for kind in RoomSocket.HANDLERS]
    rooms = [names.room, names.private, names.conversation, "order-nowhere", "a-new-room"]
    answered = [{"type": kind, "slug": names.conversation, "to": "bob"} for kind in CHAT_VERBS]
    order = [{"action": "override", "stage": "baked"}]
    return {
        "order": Kind(r"^ws/pizza/(?P<order_id>[^/\x00]+)/?$", [f"/ws/pizza/{names.order}/"], [*order, *ANYWHERE]),
        "orders": Kind(r"^ws/orders/?$", ["/ws/orders/"], [{"watch": [names.order]}, *ANYWHERE]),
        "board": Kind(r"^ws/kitchen/?$", ["/ws/kitchen/"], [*board, *ANYWHERE]),
        "drivers": Kind(r"^ws/kitchen/drivers/?$", ["/ws/kitchen/drivers/"], [*tapped, *ANYWHERE]),
        "room": Kind(
            r"^ws/chat/(?P<slug>[^/\x00]+)/?$", [f"/ws/chat/{slug}/" for slug in rooms], [*spoken, *ANYWHERE]
        ),
        "inbox": Kind(r"^ws/inbox/?$", ["/ws/inbox/"], [*answered, *ANYWHERE]),
        "notices": Kind(r"^ws/notices/?$", ["/ws/notices/"], ANYWHERE),
        "nowhere": Kind("", ["/ws/nowhere/", "/", "/ws/pizza//"], ANYWHERE),
    }


def path_of(kind: Kind, random: Random) -> str:
    """Return one of its paths, sometimes with a query, or with something else where the name was."""
    path = random.choice(kind.paths)
    if random.random() < 0.2:
        path = f"{path.rstrip('/').rpartition('/')[0]}/{random.choice(TEXTS)}/"
    query = random.choice(("", "", "forecast", "after=0", "after=99999999999", f"username={random.choice(TEXTS)}"))
    return f"{path}?{query}" if query else path
