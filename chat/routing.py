from django.urls import re_path

from chat.sockets import inbox, notices, room

websocket_urlpatterns = [
    re_path(r"^ws/chat/(?P<slug>[^/\x00]+)/?$", room.RoomSocket.as_asgi()),
    re_path(r"^ws/inbox/?$", inbox.Inbox.as_asgi()),
    re_path(r"^ws/notices/?$", notices.Notices.as_asgi()),
]
