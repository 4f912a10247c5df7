"""Answer all who ask at about the same time with one read of the database.

After a restart thousands of pages ask at once. One by one, each took a thread, a connection and its own queries.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, Generic, TypeVar

from channels.db import database_sync_to_async

READS_AT_ONCE = 2  # one that hangs must not keep all others waiting
BATCH = 100  # questions in one read

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Gathered(Generic[Question, Answer]):
    """Ask `read`, which gets many questions and returns their answers in the same order, in a thread of its own.

    A read has only the questions that were asked before it began, so an answer is never older than its question. An
    answer that is an exception is raised for the one who asked; what `read` itself raises, for all whom it concerns.
    """

    def __init__(self, read: Callable[[Sequence[Question]], Sequence[Answer | Exception]]) -> None:
        self._read: Any = database_sync_to_async(read, thread_sensitive=False)
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._reads: set[asyncio.Task[None]] = set()

    async def __call__(self, question: Question) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        self._begin()
        return await future

    def _begin(self) -> None:
        if self._waiting and len(self._reads) < READS_AT_ONCE:
            task = asyncio.create_task(self._answer(), context=Context())  # of nobody's request in particular
            self._reads.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._reads.discard(task)
        if not task.get_loop().is_closed():
            self._begin()

    async def _answer(self) -> None:
        """Answer those who wait by now. The task begins one turn of the loop later, so more than the first do."""
        asked, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        asked = [(question, future) for question, future in asked if not future.done()]  # the others gave up
        if not asked:
            return
        try:
            answers = await self._read([question for question, _ in asked])
        except BaseException as error:
            settle(asked, [error] * len(asked))
            if not isinstance(error, Exception):
                raise
        else:
            settle(asked, answers)


def settle(asked: "list[tuple[Any, asyncio.Future[Any]]]", answers: Sequence[Any]) -> None:
    for (_, future), answer in zip(asked, answers, strict=True):
        if future.done():
            continue
        if isinstance(answer, asyncio.CancelledError):
            future.cancel()
        elif isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
