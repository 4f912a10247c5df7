"""Limit how many orders come from one customer and from one address."""

from django.http import HttpRequest

from accounts import limits

MANY_ORDERS = "That is a lot of orders."


def count_order(request: HttpRequest, guest: str) -> None:
    """Count an order that is about to be placed; TooMany if it is one too many, and then it does not count.

    A script without a token has no session, and neither has whoever drops its cookie: they count by address alone.
    """
    tries: list[tuple[object, ...]] = [("order_address", limits.address_of(request))]
    if request.user.is_authenticated:
        tries.append(("order", "account", request.user.pk))
    elif guest:
        tries.append(("order", "visitor", guest))
    try:
        limits.pace(*tries, words=MANY_ORDERS)
    except limits.TooMany:
        if request.session.session_key is None:
            request.session.flush()  # a flood without cookies must not leave a session for each try
        raise
