"""Say what people are allowed to do. Django's permissions decide; `is_staff` alone opens only the door of the admin.

A right is a permission of the admin, so the same one decides there, on a page, on a socket and for a token's owner.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from realtime.refused import Refused

ASK = "Whoever runs the shop can allow it, in the admin under “Users”."
View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Right:
    permission: str
    deed: str  # completes "Only staff can …"
    within: str = ""  # another permission that includes this one, as in the admin
    is_for_staff: bool = True  # otherwise the permission is enough


SEE_ORDERS = Right("home.view_order", "see everybody’s orders", within="home.change_order")
MOVE_ORDERS = Right("home.change_order", "move an order")
DELIVER = Right("home.deliver_order", "take orders along", is_for_staff=False)
ADD_PIZZAS = Right("home.add_pizza", "add a pizza to the menu")
CHANGE_PIZZAS = Right("home.change_pizza", "change the menu")
SEE_STATIONS = Right("kitchen.view_station", "see how the stations are set", within="kitchen.change_station")
SET_STATIONS = Right("kitchen.change_station", "change a station")
RUN_SHOP = Right("kitchen.change_shop", "change how the shop runs")
SEE_FIGURES = Right("kitchen.view_shop", "see the shop’s figures", within="kitchen.change_shop")
SEE_STUDIES = Right("kitchen.view_study", "see what was planned", within="kitchen.add_study")
PLAN = Right("kitchen.add_study", "start or cancel a study")
ANSWER = Right("chat.answer_customers", "answer customers")
MODERATE = Right("chat.moderate_rooms", "remove messages and mute people")

RIGHTS = {name.lower(): right for name, right in globals().items() if isinstance(right, Right)}


class NotAllowed(Refused):
    """This account lacks the right to do that."""


def has(user: User | AnonymousUser, right: Right) -> bool:
    """Return whether this person has the right. Two queries at most, remembered by the user's instance."""
    if right.is_for_staff and not user.is_staff:
        return False
    return user.has_perm(right.permission) or (bool(right.within) and user.has_perm(right.within))


def require(user: User | AnonymousUser, right: Right) -> None:
    """Raise NotAllowed, with a sentence, for a person without the right."""
    if not has(user, right):
        raise NotAllowed(refusal(user, right))


def refusal(user: User | AnonymousUser, right: Right) -> str:
    return f"Your account can’t {right.deed}. {ASK}" if user.is_staff else f"Only staff can {right.deed}."


def needs(right: Right) -> Callable[[View], View]:
    """Send visitors of a page to the log-in page; refuse accounts without the right."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not has(request.user, right):
                # not the log-in page: it would send them straight back
                raise PermissionDenied(refusal(request.user, right))
            return view(request, *args, **kwargs)

        return login_required(guarded)

    return decorate


class May:
    """The rights of a person by name, for templates: {% if may.move_orders %}."""

    def __init__(self, user: User | AnonymousUser) -> None:
        self.user = user

    def __getitem__(self, name: str) -> bool:
        return has(self.user, RIGHTS[name])


def in_templates(request: HttpRequest) -> dict[str, May]:
    return {"may": May(getattr(request, "user", AnonymousUser()))}
