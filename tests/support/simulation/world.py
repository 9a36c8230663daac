"""Virtual time: tasks sleep without waiting. One task runs at a time, in the order of their clocks."""

import contextlib
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ALL_COMPLETED, Executor, Future
from concurrent.futures import wait as wait_for_threads
from datetime import UTC, datetime, timedelta
from typing import Any

from greenlet import getcurrent, greenlet

BEGINS_AT = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Killed(BaseException):
    """The process that this task belongs to has ended. Not an Exception: no code under test may handle it."""


class Task(greenlet):
    """One thread of the code under test. It ends together with its `process`."""

    def __init__(self, hub: greenlet, work: Callable[[], object], process: object) -> None:
        super().__init__(run=self._run, parent=hub)
        self.process = process
        self.killed = False
        self.turn = 0  # the number of resumptions: a wake-up for an earlier turn is too late
        self._work = work

    def _run(self) -> None:
        with contextlib.suppress(Killed):
            if not self.killed:
                self._work()


class World:
    """A clock, the tasks and events that it drives, and the one source of randomness."""

    def __init__(self, seed: int = 1) -> None:
        self.seconds = 0.0
        self.random = random.Random(seed)
        self.hub = getcurrent()
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._tasks: dict[Task, None] = {}

    def now(self) -> datetime:
        """Returns the true date and time in UTC."""
        return BEGINS_AT + timedelta(seconds=self.seconds)

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Calls `action` when the clock shows `seconds`, or at once if that has passed."""
        heapq.heappush(self._events, (max(seconds, self.seconds), next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Calls `action` after `seconds`."""
        self.at(self.seconds + seconds, action)

    def spawn(self, work: Callable[[], object], process: object = None) -> Task:
        """Starts a task that runs `work` and ends with `process`."""
        task = Task(self.hub, work, process)
        self._tasks[task] = None
        self.after(0, lambda: self._resume(task, 0))
        return task

    def sleep(self, seconds: float) -> None:
        """Lets the current task wait. Outside of tasks, time stands still."""
        task = getcurrent()
        if isinstance(task, Task):
            self.after(seconds, self.waker())
            self.suspend()

    def waker(self) -> Callable[[], None]:
        """Returns a function that ends the current task's next `suspend`, and no later one."""
        task = getcurrent()
        assert isinstance(task, Task)
        turn = task.turn
        return lambda: self._resume(task, turn)

    def suspend(self) -> None:
        """Lets the current task wait until the hub calls the task's `waker`."""
        task = getcurrent()
        assert isinstance(task, Task)
        if not task.killed:
            self.hub.switch()
        if task.killed:
            raise Killed

    def kill(self, process: object) -> None:
        """Ends every task of `process` immediately."""
        for task in [task for task in self._tasks if task.process is process]:
            task.killed = True
            self._resume(task, task.turn)

    def _resume(self, task: Task, turn: int) -> None:
        if task.dead or task.turn != turn:
            return
        task.turn += 1
        task.switch()
        if task.dead:
            self._tasks.pop(task, None)

    def run(self, until_seconds: float) -> None:
        """Lets time pass until the clock shows `until_seconds`, or until nothing is left to happen."""
        while self._events and self._events[0][0] <= until_seconds:
            self.seconds, _, action = heapq.heappop(self._events)
            action()
        if until_seconds < float("inf"):
            self.seconds = max(self.seconds, until_seconds)


class VirtualExecutor(Executor):
    """A thread pool in virtual time: `workers` tasks of the current task's process."""

    def __init__(self, world: World, workers: int) -> None:
        self._world = world
        self._free = workers
        self._waiting: deque[tuple[Future[Any], Callable[[], None]]] = deque()
        self._unfinished: set[Future[Any]] = set()

    def submit[**P, R](self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Starts `fn` in a task, as soon as a worker is free."""
        process = getattr(getcurrent(), "process", None)
        future: VirtualFuture[R] = VirtualFuture(self._world)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    result = fn(*args, **kwargs)
                except Exception as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)
            self._free += 1
            while self._waiting and self._free:
                waiting, start_it = self._waiting.popleft()
                if not waiting.cancelled():
                    start_it()

        def start() -> None:
            self._free -= 1
            self._world.spawn(work, process)

        if self._free:
            start()
        else:
            self._waiting.append((future, start))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancels waiting tasks, and waits for the others, if asked to. Running tasks continue, like threads."""
        if cancel_futures:
            for future, _ in self._waiting:
                future.cancel()
        if wait and isinstance(getcurrent(), Task):
            virtual_wait(self._world)(list(self._unfinished))


def virtual_wait(world: World) -> Callable[..., Any]:
    """Returns concurrent.futures.wait in virtual time."""

    def wait(futures: Iterable[Future[Any]], timeout: float | None = None, return_when: str = ALL_COMPLETED) -> Any:
        futures = list(futures)
        ends = world.seconds + timeout if timeout is not None else float("inf")
        if return_when == ALL_COMPLETED:
            for future in futures:
                assert isinstance(future, VirtualFuture)
                future.await_end(ends - world.seconds)
        elif not any(future.done() for future in futures):
            wake = world.waker()
            for future in futures:
                future.add_done_callback(lambda _: world.after(0, wake))
            world.suspend()
        return wait_for_threads(futures, 0, return_when)

    return wait


class VirtualFuture[R](Future[R]):
    """A future whose `result` lets virtual time pass."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def await_end(self, timeout: float = float("inf")) -> None:
        """Lets virtual time pass until the work has ended, or for `timeout` seconds."""
        if not self.done() and timeout > 0:
            wake = self._world.waker()
            self.add_done_callback(lambda _: self._world.after(0, wake))
            if timeout < float("inf"):
                self._world.after(timeout, wake)
            self._world.suspend()

    def result(self, timeout: float | None = None) -> R:
        self.await_end(float("inf") if timeout is None else timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> Any:
        self.await_end(float("inf") if timeout is None else timeout)
        return super().exception(0)
