"""Fill a shop that runs: orders in the kitchen, a person who may see the board. Run in its environment.

`python -m benchmarks.pages.crowd ORDERS` prints the session of that person and the address of the newest order.
"""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pizzaProj.settings")
USERNAME = "board"


def place(orders: int) -> str:
    """Place orders of one to three pizzas, all at once, and return the address of the last, which has a promise."""
    from django.utils import timezone

    from home.models import Pizza
    from kitchen import flow
    from kitchen.promises import forecast

    pizzas = list(Pizza.objects.order_by("pk")[:4])
    for n in range(orders - 1):
        flow.place([(pizzas[n % 4], 1 + n % 2), (pizzas[n % 3], 1)][: 1 + n % 2])
    last = flow.place([(pizzas[0], 2)], promise=forecast.promise(2, timezone.now()))
    return f"order/{last.order_id}/"


def log_in() -> str:
    """Return the session of somebody who may do anything."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    user, _ = User.objects.get_or_create(username=USERNAME, defaults={"is_staff": True, "is_superuser": True})
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


if __name__ == "__main__":
    django.setup()
    print(json.dumps({"session": log_in(), "order": place(int(sys.argv[1]))}))
