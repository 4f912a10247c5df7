from django.urls import re_path

from home import consumers

websocket_urlpatterns = [
    re_path(r"^ws/pizza/(?P<order_id>[^/\x00]+)/?$", consumers.OrderProgress.as_asgi()),
    re_path(r"^ws/orders/?$", consumers.OrderList.as_asgi()),
    re_path(r"", consumers.Unknown.as_asgi()),
]
