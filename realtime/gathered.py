"""Answer all who ask at about the same time with one read of the database.

After a restart thousands of pages ask at once. One by one, each took a thread, a connection and its own queries.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from typing import Any, Generic, TypeVar

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError

from pizzaProj.waits import SHARED_READ_SECONDS

READS_AT_ONCE = 2
BATCH = 100  # questions in one read

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Asked = list[tuple[Any, "asyncio.Future[Any]"]]


class Gathered(Generic[Question, Answer]):
    """Ask `read`, which gets many questions and returns their answers in the same order, in a thread of its own.

    A read gets only the questions that were asked before it began, so an answer is never older than its question. An
    answer that is an exception is raised for the one who asked; what `read` itself raises, for everybody in that read.
    """

    def __init__(self, read: Callable[[Sequence[Question]], Sequence[Answer | Exception]]) -> None:
        self._read: Any = database_sync_to_async(read, thread_sensitive=False)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: Asked = []
        self._reads: set[asyncio.Task[None]] = set()  # those under way, each for SHARED_READ_SECONDS at most

    async def __call__(self, question: Question) -> Answer:
        self._belong_to(asyncio.get_running_loop())
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        self._begin()
        return await future

    def _belong_to(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget what an event loop that has ended left behind."""
        if self._loop is not loop:
            self._loop, self._waiting, self._reads = loop, [], set()

    def _begin(self) -> None:
        """Read for those who wait, if there is room. A read that hangs gives its room up, so others go on."""
        if self._waiting and len(self._reads) < READS_AT_ONCE:
            loop = asyncio.get_running_loop()
            task = loop.create_task(self._answer(), context=Context())  # of nobody's request in particular
            self._reads.add(task)
            timer = loop.call_later(SHARED_READ_SECONDS, self._end, task)
            task.add_done_callback(lambda _: timer.cancel())
            task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[None]") -> None:
        self._reads.discard(task)
        self._begin()

    async def _answer(self) -> None:
        """Answer those who wait. The task begins one turn of the loop later, so others who ask in it are included."""
        asked, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        asked = [(question, future) for question, future in asked if not future.done()]  # the others gave up
        if not asked:
            return
        try:
            answers = await self._read([question for question, _ in asked])
            if len(answers) != len(asked):
                raise ValueError(f"{len(asked)} questions got {len(answers)} answers.")
        except asyncio.CancelledError:
            for _, future in asked:
                future.cancel()
            raise
        except Exception as error:
            answers = [error] * len(asked)
        for (_, future), answer in zip(asked, answers, strict=True):
            settle(future, answer)


def settle(future: "asyncio.Future[Any]", answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, StopIteration):  # which a future refuses
        answer = RuntimeError(str(answer))
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def each(answer: Callable[[Question], Answer], questions: Iterable[Question]) -> list[Answer | Exception]:
    """Return the answers, and an exception in the place of each question that raised one.

    A database's error is raised: it would come again for each of the others.
    """
    return [_try(answer, question) for question in questions]


def _try(answer: Callable[[Question], Answer], question: Question) -> Answer | Exception:
    try:
        return answer(question)
    except DatabaseError:
        raise
    except Exception as error:
        return error
