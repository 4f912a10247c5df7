"""The tutorial's socket: a sync consumer."""

import json
from typing import Any

from asgiref.sync import async_to_sync
from channels.generic.websocket import WebsocketConsumer

from benchmarks.tutorial.models import Order


class OrderProgress(WebsocketConsumer):
    def connect(self) -> None:
        self.order_id = self.scope["url_route"]["kwargs"]["order_id"]
        self.group = f"order_{self.order_id}"
        async_to_sync(self.channel_layer.group_add)(self.group, self.channel_name)
        self.accept()
        payload = Order.get_order_detail(self.order_id)
        self.send(json.dumps({"status": "connected", "payload": payload}))

    def disconnect(self, code: int) -> None:
        async_to_sync(self.channel_layer.group_discard)(self.group, self.channel_name)

    def order_status(self, event: dict[str, Any]) -> None:
        self.send(json.dumps({"payload": json.loads(event["value"])}))
