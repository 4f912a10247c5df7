from django.urls import re_path

from kitchen.board import consumers

websocket_urlpatterns = [re_path(r"^ws/kitchen/?$", consumers.KitchenBoard.as_asgi())]
