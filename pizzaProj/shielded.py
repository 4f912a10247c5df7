"""Let requests finish when the client leaves or the server cancels them."""

import asyncio
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import close_old_connections

from pizzaProj import patience, waits


class Shielded:
    """An ASGI application whose requests always return their database connection to the pool.

    Daphne cancels the request of a client that left 10 s ago, and again each second until it has ended. Django then
    skips `request_finished`, the signal on which a thread returns its connection, and blocks the event loop until the
    thread has ended. Here the cancellation is stopped and the request goes on.
    """

    def __init__(self, application: Any) -> None:
        self.application = application
        self.running: set[asyncio.Task[None]] = set()  # the loop holds only weak references

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = asyncio.create_task(self._run(scope, receive, send))
        self.running.add(request)
        request.add_done_callback(self.running.discard)
        await asyncio.shield(request)

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:
        # Django's handler shares both: one thread per request, and one patience with the database.
        async with ThreadSensitiveContext():
            patience.begin(waits.PATIENCE_SECONDS)
            try:
                await self.application(scope, receive, send)
            except BaseException:
                await sync_to_async(close_old_connections)()
                raise
