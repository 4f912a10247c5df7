"""An ASGI application with nothing but a consumer that accepts and says one word: what Daphne alone needs."""

from channels.generic.websocket import AsyncWebsocketConsumer


class Empty(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.send("the snapshot")


application = Empty.as_asgi()
