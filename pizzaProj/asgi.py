"""HTTP and sockets behind one door, for Daphne or any other ASGI server."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pizzaProj.settings")
# Every request has a thread of its own here, so connections are kept differently (see settings.database).
os.environ.setdefault("DATABASE_PER_REQUEST", "true")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack

from home.routing import websocket_urlpatterns as home_sockets
from kitchen.routing import websocket_urlpatterns as kitchen_sockets

sockets = kitchen_sockets + home_sockets  # home's last takes every other address

# The session is lazy: watching costs no query, only a person who acts is looked up (see home.consumers).
application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AllowedHostsOriginValidator(SessionMiddlewareStack(URLRouter(sockets))),
    }
)
