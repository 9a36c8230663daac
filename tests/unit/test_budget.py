"""The bounds on the resizer's threads at the same time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

from functions.resize.budget import Budget, Turns

THREADS = 6


def most_inside(bound: Callable[[], AbstractContextManager[None]], expected: int) -> int:
    """Enters `bound` in all threads and returns the most that were inside; each stays until `expected` are inside."""
    inside, most = 0, 0
    changed = threading.Condition()

    def enter(_: int) -> None:
        nonlocal inside, most
        with bound():
            with changed:
                inside += 1
                most = max(most, inside)
                changed.notify_all()
                changed.wait_for(lambda: most >= expected, timeout=5)
            with changed:
                inside -= 1

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(enter, range(THREADS)))
    return most


def test_threads_hold_no_more_bytes_than_the_budget() -> None:
    budget = Budget(100)
    assert most_inside(lambda: budget.held(30), 3) == 3


def test_a_file_larger_than_the_budget_has_it_alone() -> None:
    budget = Budget(100)
    assert most_inside(lambda: budget.held(500), 1) == 1


def test_only_so_many_threads_have_a_turn() -> None:
    turns = Turns(2, seconds=60)
    assert most_inside(turns.taken, 2) == 2


def test_a_thread_that_is_stuck_does_not_hold_up_the_others() -> None:
    turns = Turns(1, seconds=0.01)
    assert most_inside(turns.taken, THREADS) == THREADS, "all others go on while the first has its turn"
    with turns.taken():
        pass
    assert most_inside(Turns(1, seconds=60).taken, 1) == 1


def test_a_turn_that_was_not_taken_is_not_given_back() -> None:
    turns = Turns(1, seconds=0.01)
    most_inside(turns.taken, THREADS)
    turns._seconds = 60
    assert most_inside(turns.taken, 1) == 1
