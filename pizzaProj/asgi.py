"""Serve HTTP and WebSockets with one application, for Daphne or any other ASGI server."""

import logging
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pizzaProj.settings")
# Each request runs in its own thread here, so database connections are pooled (see settings.database).
os.environ.setdefault("DATABASE_PER_REQUEST", "true")

from broken import read_settings

read_settings()

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware
from django.conf import settings
from django.urls import get_resolver

from chat.routing import websocket_urlpatterns as chat_sockets
from home.routing import websocket_urlpatterns as home_sockets
from kitchen.routing import websocket_urlpatterns as kitchen_sockets
from operations.alarms import watch
from pizzaProj import bodies, garbage, open_files, unreadable, waits
from pizzaProj.lanes import Lanes
from pizzaProj.logs import discreet, unwritten
from pizzaProj.shielded import Shielded
from pizzaProj.sqlite import soundness
from pizzaProj.traced import Traced
from realtime.admission import Admission
from realtime.backpressure import Backpressure
from realtime.sockets import OwnOriginValidator
from telemetry.requests import Timed

sys.setswitchinterval(waits.SWITCH_SECONDS)
discreet.cover(logging.getLogger())  # Daphne has set it up
open_files.allow_many()
bodies.bound()
unreadable.refuse()
unwritten.spare()
soundness.refuse_damaged_file(settings.DATABASES["default"])
watch.of_web()
sockets = chat_sockets + kitchen_sockets + home_sockets  # home's last pattern matches every other address

# Each consumer identifies its client by itself, so a visitor who watches costs no query (see realtime.sockets).
application = ProtocolTypeRouter(
    {
        "http": Traced(Shielded(Timed(Lanes(django_application)))),
        "websocket": OwnOriginValidator(Backpressure(Admission(CookieMiddleware(URLRouter(sockets))))),
    }
)

# Import the views now. The first request would do so in the event loop, and stop it for a quarter of a second.
get_resolver().url_patterns  # noqa: B018
garbage.scans.begin()
