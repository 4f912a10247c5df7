"""One read for all who ask at about the same time."""

import asyncio
import threading
from collections.abc import Sequence
from contextvars import ContextVar

import pytest
from django.db import DatabaseError

from realtime import gathered
from realtime.gathered import Gathered

AWAY = 1000  # the read that has this one fails


class Reads:
    """Answer each number with its square, and note what was asked together."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked: list[list[int]] = []
        self.may_end = [threading.Event() for _ in range(5)]  # of each read in turn
        self.has_begun = threading.Semaphore(0)

    def read(self, numbers: Sequence[int]) -> list[int | Exception]:
        with self.lock:
            self.asked.append(list(numbers))
            may_end = self.may_end[len(self.asked) - 1]
        self.has_begun.release()
        assert may_end.wait(30)
        if AWAY in numbers:
            raise ConnectionError("the database is away")
        return [ValueError(f"{number} is too small") if number < 0 else number**2 for number in numbers]

    def let_end(self, *numbers: int) -> None:
        for number in numbers:
            self.may_end[number].set()

    async def begun(self) -> None:
        """Wait until one more has begun."""
        assert await asyncio.to_thread(self.has_begun.acquire, timeout=10)


@pytest.fixture
def reads(monkeypatch):
    monkeypatch.setattr(gathered, "SHARED_READ_SECONDS", 60)  # a slow machine lets no read give its room up
    return Reads()


@pytest.fixture
def square(reads):
    return Gathered(reads.read)


async def test_those_who_ask_at_once_share_a_read(reads, square):
    reads.let_end(0)
    assert await asyncio.gather(*map(square, range(50))) == [number**2 for number in range(50)]
    assert reads.asked == [list(range(50))]


async def test_a_read_has_a_limited_number_of_questions(reads, square, monkeypatch):
    monkeypatch.setattr(gathered, "BATCH", 20)
    reads.let_end(0, 1, 2)
    assert await asyncio.gather(*map(square, range(50))) == [number**2 for number in range(50)]
    assert sorted(map(len, reads.asked)) == [10, 20, 20]


async def test_an_answer_is_never_older_than_its_question(reads, square, monkeypatch):
    monkeypatch.setattr(gathered, "READS_AT_ONCE", 1)
    first = asyncio.create_task(square(1))
    await reads.begun()
    later = [asyncio.create_task(square(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    reads.let_end(0, 1)
    assert await asyncio.gather(first, *later) == [1, 1, 4]
    assert reads.asked == [[1], [1, 2]]


async def test_a_read_that_hangs_does_not_keep_the_others_waiting(reads, square):
    hanging = asyncio.create_task(square(1))
    await reads.begun()
    reads.let_end(1)
    assert await square(2) == 4
    reads.let_end(0)
    assert await hanging == 1


async def test_reads_that_hang_give_up_their_room(reads, square, monkeypatch):
    monkeypatch.setattr(gathered, "SHARED_READ_SECONDS", 0.05)
    for number in (1, 2):
        impatient = asyncio.create_task(square(number))
        await reads.begun()
        impatient.cancel()  # who asks gives up sooner than the database
    others = [asyncio.create_task(square(number)) for number in (3, 4)]
    reads.let_end(2, 3)
    assert await asyncio.wait_for(asyncio.gather(*others), 10) == [9, 16]
    reads.let_end(0, 1)


async def test_who_has_given_up_is_not_read(reads, square, monkeypatch):
    monkeypatch.setattr(gathered, "READS_AT_ONCE", 1)
    first = asyncio.create_task(square(1))
    await reads.begun()
    impatient, patient = asyncio.create_task(square(2)), asyncio.create_task(square(3))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    reads.let_end(0, 1)
    assert (await first, await patient) == (1, 9)
    assert reads.asked == [[1], [3]]


async def test_an_error_is_raised_for_the_one_whom_it_concerns(reads, square):
    reads.let_end(0)
    found = await asyncio.gather(square(2), square(-1), square(3), return_exceptions=True)
    assert [found[0], str(found[1]), found[2]] == [4, "-1 is too small", 9]


async def test_a_read_that_fails_fails_for_all_and_the_next_one_works(reads, square):
    reads.let_end(0, 1)
    found = await asyncio.gather(square(2), square(AWAY), return_exceptions=True)
    assert [str(error) for error in found] == ["the database is away"] * 2
    assert await square(2) == 4


async def test_a_read_is_part_of_nobodys_request():
    request = ContextVar("request", default="none")
    seen = Gathered(lambda questions: [request.get()] * len(questions))
    request.set("mine")
    assert await seen("whose?") == "none"


def test_it_serves_one_event_loop_after_another(reads, square, monkeypatch):
    monkeypatch.setattr(gathered, "READS_AT_ONCE", 1)

    async def ask_and_leave() -> None:
        first = asyncio.create_task(square(1))
        await reads.begun()
        second = asyncio.create_task(square(2))  # it still waits when the loop ends
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        reads.let_end(0)

    async def ask() -> int:
        return await square(3)

    asyncio.run(ask_and_leave())
    reads.let_end(1)
    assert asyncio.run(ask()) == 9
    assert reads.asked[-1] == [3]


async def test_a_read_with_too_few_answers_fails_for_all():
    broken = Gathered(lambda questions: [1])
    found = await asyncio.gather(broken(1), broken(2), return_exceptions=True)
    assert [str(error) for error in found] == ["2 questions got 1 answers."] * 2


async def test_an_end_of_iteration_is_an_error_like_any_other():
    broken = Gathered(lambda questions: [StopIteration("nothing is left")])
    with pytest.raises(RuntimeError, match="nothing is left"):
        await broken(1)


def test_each_gives_errors_to_their_questions_except_the_databases():
    found = gathered.each(lambda number: 1 / number, [0, 2])
    assert [type(found[0]), found[1]] == [ZeroDivisionError, 0.5]
    with pytest.raises(DatabaseError):
        gathered.each(fail, [1])


def fail(question: object) -> None:
    raise DatabaseError
