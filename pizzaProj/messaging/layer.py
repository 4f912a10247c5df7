"""The channel layer, which outlives a server that hangs, is gone without a word, or restarts.

channels_redis's own waits for the server without limit when a page is opened, and never notices a connection on which
nothing arrives any more. Here joining a group never fails and waits only a moment: a page without live updates shows
what the database says every few seconds (`home.reconcile`), which is better than no page.
"""

import asyncio
import logging
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer, RedisSingleShardConnection
from channels_redis.utils import _consistent_hash, decode_hosts

from pizzaProj import waits

logger = logging.getLogger(__name__)

READ_SECONDS = 0.1
# Reads that nothing has come of, not seconds: after a stall of this process, what has arrived meanwhile is read first.
READS_UNTIL_ASKED = round(waits.BROKER_CHECK_SECONDS / READ_SECONDS)
READS_UNTIL_DEAD = READS_UNTIL_ASKED + round(waits.BROKER_ANSWER_SECONDS / READ_SECONDS)
RECONNECT_SECONDS = 1.0


class Silent(Exception):
    """The server has not answered a ping."""


class Connection(RedisSingleShardConnection):  # type: ignore[misc]
    """The connections of one event loop: one to publish, and one on which everything arrives.

    The receiving task alone makes the latter and subscribes to all that is wanted, which is `_subscribed_to`.
    """

    def __init__(self, host: dict[str, Any], channel_layer: RedisPubSubLoopLayer) -> None:
        super().__init__(host, channel_layer)
        self._is_live = asyncio.Event()
        self._is_away = False

    async def subscribe(self, channel: str) -> None:
        self._subscribed_to.add(channel)
        self._ensure_receiver()
        await self._tell("subscribe", channel)

    async def unsubscribe(self, channel: str) -> None:
        if channel in self._subscribed_to:
            self._subscribed_to.remove(channel)
            await self._tell("unsubscribe", channel)

    async def flush(self) -> None:
        self._is_live.clear()
        self._is_away = False
        await super().flush()

    async def _tell(self, verb: str, channel: str) -> None:
        """Tell the server, unless it is away: then the receiving task will, with the whole of what is wanted."""
        if self._is_away:
            return
        try:
            async with asyncio.timeout(waits.BROKER_CONNECT_SECONDS + waits.BROKER_ANSWER_SECONDS):
                await self._is_live.wait()
                async with self._lock:
                    await getattr(self._pubsub, verb)(channel)
        except Exception as error:
            self._is_live.clear()  # so that the connection is made anew
            self._note(error)

    async def _do_receiving(self) -> None:
        while True:
            try:
                await self._connect()
                await self._read()
            except Exception as error:
                self._note(error)
            self._is_live.clear()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _connect(self) -> None:
        self._ensure_redis()
        self._pubsub, old = self._redis.pubsub(), self._pubsub
        async with asyncio.timeout(waits.BROKER_CONNECT_SECONDS + waits.BROKER_ANSWER_SECONDS):
            await old.aclose()
            await self._pubsub.connect()
            async with self._lock:
                # From here on whoever joins tells the server, and waits for the lock; the others are in the set.
                was_away, self._is_away = self._is_away, False
                self._is_live.set()
                if self._subscribed_to:
                    await self._pubsub.subscribe(*self._subscribed_to)
        if was_away:
            logger.warning("Live updates go on")

    async def _read(self) -> None:
        """Hand over what arrives, for as long as the connection lives."""
        reads = 0
        while self._is_live.is_set():
            message = await self._pubsub.get_message(timeout=READ_SECONDS)
            reads = reads + 1 if message is None else 0
            if message is not None and message["type"] == "message":
                self._receive_message(message)
            elif reads == READS_UNTIL_ASKED:
                await self._pubsub.ping()
            elif reads == READS_UNTIL_DEAD:
                raise Silent("the server is silent")

    def _note(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            logger.warning("No live updates now, pages catch up by themselves: %s", str(error) or type(error).__name__)


class LoopLayer(RedisPubSubLoopLayer):  # type: ignore[misc]
    def __init__(self, hosts: Any = None, **options: Any) -> None:
        super().__init__(hosts=hosts, **options)
        self._shards = [Connection(host, self) for host in decode_hosts(hosts)]


class Layer(RedisPubSubChannelLayer):  # type: ignore[misc]
    def __init__(self, hosts: Any, prefix: str = "asgi", **options: Any) -> None:
        super().__init__(hosts=hosts, prefix=prefix, **options)
        self.prefix, self.servers = prefix, len(hosts)

    def server_of(self, group: str) -> int:
        """Return the number of the server that carries a group."""
        return int(_consistent_hash(f"{self.prefix}__group__{group}", self.servers))

    def _get_layer(self) -> LoopLayer:
        layers: dict[asyncio.AbstractEventLoop, LoopLayer] = self._layers
        loop = asyncio.get_running_loop()
        if loop not in layers:
            super()._get_layer()  # which takes care of the loop's end
            layers[loop] = LoopLayer(*self._args, **self._kwargs, channel_layer=self)
        return layers[loop]
