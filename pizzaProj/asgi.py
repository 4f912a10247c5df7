"""HTTP and sockets behind one door, for Daphne or any other ASGI server."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pizzaProj.settings")
# Every request has a thread of its own here, so connections are kept differently (see settings.database).
os.environ.setdefault("DATABASE_PER_REQUEST", "true")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware

from chat.routing import websocket_urlpatterns as chat_sockets
from home.routing import websocket_urlpatterns as home_sockets
from kitchen.routing import websocket_urlpatterns as kitchen_sockets
from pizzaProj.shielded import Shielded
from realtime.sockets import OwnOriginValidator

sockets = chat_sockets + kitchen_sockets + home_sockets  # home's last takes every other address

# Who it is, every consumer finds out by itself: a visitor who watches costs no query (see realtime.sockets).
application = ProtocolTypeRouter(
    {
        "http": Shielded(django_application),
        "websocket": OwnOriginValidator(CookieMiddleware(URLRouter(sockets))),
    }
)
