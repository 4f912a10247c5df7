"""Show the conversation on an order's page. The page belongs to home, which imports nothing from chat."""

from typing import Any

from django import template
from django.db.models import Q

from chat import requests, rooms
from chat.models import Membership, Message, Room
from chat.person import Person, person_of
from home.models import MAX_QUANTITY, Order, Pizza

register = template.Library()


@register.inclusion_tag("chat/order_panel.html", takes_context=True)
def order_chat(context: dict[str, Any], order: Order) -> dict[str, Any]:
    """Show the panel to the order's customer and to staff who answer; nothing to others who have the link.

    An archived order has none: nobody ever wrote there.
    """
    person = person_of(context["request"])
    if order.is_archived or not rooms.can_talk(order, person):
        return {"side": None}
    room = Room.objects.filter(order=order).first()
    is_customer = rooms.is_customer(order, person)
    return {
        "side": "customer" if is_customer else "kitchen",
        "slug": f"{rooms.ORDER}{order.order_id}",
        "me": person.user.get_username() if person.user else "",
        "exists": room is not None,
        "unread": unread(room, person) if room else 0,
        # when it changes, the page checks whether the kitchen has written first; a visitor has no notices
        "mark": rooms.unread_rooms([person.pk])[person.pk] if is_customer and person.pk else None,
        "choices": choices(order),
        "most": MAX_QUANTITY,
        "changeable": " ".join(requests.CHANGEABLE),
        "cancellable": " ".join(requests.CANCELLABLE),
    }


def unread(room: Room, person: Person) -> int:
    """Count the messages of others that this person has not read. Creates no membership."""
    mine = Q(user=person.user) if person.user else Q(user=None, guest=person.guest)
    last_read = Membership.objects.filter(mine, room=room).values_list("last_read", flat=True).first() or 0
    later = Message.objects.filter(room=room, seq__gt=last_read, kind__in=rooms.SPOKEN, deleted_at=None)
    authors = later.values_list("author", "guest")
    return sum(not person.wrote(author, guest) for author, guest in authors)


def choices(order: Order) -> list[tuple[Pizza, int]]:
    """Return the pizzas that the order can have: the menu and what is in it, each with its present quantity."""
    ordered = order.pizzas_left
    pizzas = Pizza.objects.filter(Q(on_menu=True) | Q(pk__in=list(ordered)))
    return [(pizza, ordered[pizza.pk]) for pizza in pizzas]
