"""What a process keeps of what it has drawn: that of open orders, not that of all it has ever seen."""

import threading

import pytest

from simulation.works import remembered as module
from simulation.works.remembered import FORGET_SECONDS, Info, Remembered, remembered


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def double(clock: list[float]) -> Remembered[int]:
    return remembered(most=3)(lambda number: number * 2)


def test_it_is_found_once(double: Remembered[int]) -> None:
    assert [double(1), double(2), double(1)] == [2, 4, 2]
    assert double.cache_info() == Info(misses=2, maxsize=3, currsize=2)


def test_what_is_asked_for_stays_and_the_rest_is_forgotten(double: Remembered[int], clock: list[float]) -> None:
    double(1), double(2)
    for _ in range(10):
        clock[0] += FORGET_SECONDS * 0.9
        double(1)
    assert double.cache_info() == Info(misses=2, maxsize=3, currsize=1)


def test_after_a_long_silence_all_is_forgotten(double: Remembered[int], clock: list[float]) -> None:
    double(1), double(2)
    clock[0] += 2 * FORGET_SECONDS
    double(3)
    assert double.cache_info() == Info(misses=3, maxsize=3, currsize=1)


def test_the_oldest_give_way(double: Remembered[int], clock: list[float]) -> None:
    double(1), double(2)
    clock[0] += FORGET_SECONDS
    for number in (2, 3, 4):  # 1 was not asked for since
        double(number)
    assert double.cache_info() == Info(misses=4, maxsize=3, currsize=3)
    assert [double(number) for number in (2, 3, 4)] == [4, 6, 8]
    assert double.cache_info().misses == 4
    double(5)
    double(2)
    assert double.cache_info() == Info(misses=6, maxsize=3, currsize=3)


def test_threads_get_the_same(clock: list[float]) -> None:
    squares = remembered(most=50)(lambda number: number**2)
    wrong: list[int] = []

    def ask() -> None:
        for turn in range(2000):
            clock[0] += FORGET_SECONDS / 100
            if squares(turn % 70) != (turn % 70) ** 2:
                wrong.append(turn)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == [] and squares.cache_info().currsize <= 50
