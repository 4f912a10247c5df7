from django.urls import re_path

from kitchen.board.consumers import KitchenBoard
from kitchen.drivers.consumers import DriversPage

websocket_urlpatterns = [
    re_path(r"^ws/kitchen/?$", KitchenBoard.as_asgi()),
    re_path(r"^ws/kitchen/drivers/?$", DriversPage.as_asgi()),
]
