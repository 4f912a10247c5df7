"""The tutorial's ASGI application."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.tutorial.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from benchmarks.tutorial.consumers import OrderProgress

sockets = URLRouter([path("ws/pizza/<str:order_id>", OrderProgress.as_asgi())])
application = ProtocolTypeRouter({"http": django_application, "websocket": AuthMiddlewareStack(sockets)})
