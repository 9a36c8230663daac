"""Operator commands in virtual time: their threads, waits and clocks are a world's."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, tzinfo
from types import SimpleNamespace
from typing import Any

from tests.support.fake_aws import Wire
from tests.support.simulation.world import VirtualExecutor, World, virtual_wait

_PACKAGES = ("ops.", "shared.", "tests.support.fake_aws", "tests.support.letters")


class BusyWorld(World):
    """A world in which Python's own work takes the processor's time, whatever else the machine does."""

    _since = 0.0

    def __init__(self) -> None:
        self._mark = time.thread_time()
        super().__init__()

    @property
    def seconds(self) -> float:
        """The time that has passed."""
        return self._since + time.thread_time() - self._mark

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._since, self._mark = max(value, self.seconds), time.thread_time()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Let work take no time."""
        since = self.seconds
        try:
            yield
        finally:
            self._since, self._mark = since, time.thread_time()

    def finish(self, work: Callable[[], None]) -> None:
        """Run `work` in a task until it and all tasks that it starts have ended."""
        raised: list[BaseException] = []

        def run() -> None:
            try:
                work()
            except BaseException as error:  # It is raised again, outside of the task.
                raised.append(error)

        self.spawn(run)
        self.run(float("inf"))
        for error in raised:
            raise error


class BusyWire(Wire):
    """A wire whose requests take the world's time, while the services' own work takes none."""

    def __init__(self, world: BusyWorld) -> None:
        super().__init__()
        self.world = world

    def request[T](self, name: str, do: Callable[[], T]) -> T:
        def work() -> T:
            with self.world.standing_still():
                return do()

        return super().request(name, work)


class _DatetimeType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


@contextmanager
def virtual_time(world: World) -> Iterator[None]:
    """Give the modules of commands and fakes the world's clocks, threads and waits."""

    class Datetime(datetime, metaclass=_DatetimeType):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return world.now().astimezone(tz)

    clock = SimpleNamespace(
        monotonic=lambda: world.seconds,
        sleep=world.sleep,
        time=lambda: world.now().timestamp(),
    )
    instead: list[tuple[Any, Any]] = [
        (datetime, Datetime),
        (time, clock),
        (ThreadPoolExecutor, lambda workers: VirtualExecutor(world, workers)),
        (wait, virtual_wait(world)),
    ]
    changed: list[tuple[Any, str, Any]] = []
    for name in [name for name in sys.modules if name.startswith(_PACKAGES)]:
        module = sys.modules[name]
        for attribute, value in list(vars(module).items()):
            for real, virtual in instead:
                if value is real:
                    changed.append((module, attribute, real))
                    setattr(module, attribute, virtual)
    try:
        yield
    finally:
        for module, attribute, real in changed:
            setattr(module, attribute, real)
