"""Execution environments: each imports the real handler again, with fakes around it."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from tests.support.context import Context
from tests.support.simulation.world import World

HANDLER = "functions.resize.handler"
_UNDER_TEST = ("shared", "functions")

type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Environment:
    """One execution environment, with separate modules, so that environments share no state.

    `prepare` runs before the handler is imported. Modules that it imports by name, and changes, belong to this
    environment alone.
    """

    def __init__(self, world: World, prepare: Callable[[], None], skew_seconds: float = 0.0) -> None:
        self.alive = True
        with _no_modules_under_test():
            clock: Any = importlib.import_module("shared.clock")
            clock.now = lambda: world.now() + timedelta(seconds=skew_seconds)
            clock.monotonic = lambda: world.seconds
            clock.sleep = world.sleep
            prepare()
            self.handle: Handler = importlib.import_module(HANDLER).handle


class VirtualContext(Context):
    """Lambda's context of an invocation, in virtual time."""

    def __init__(self, world: World, timeout_seconds: float, number: int) -> None:
        super().__init__()
        self._world = world
        self._ends_seconds = world.seconds + timeout_seconds
        self._aws_request_id = f"request-{number}"

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
        return round((self._ends_seconds - self._world.seconds) * 1000)


@contextmanager
def settings(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables, and sets them back afterwards."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _no_modules_under_test() -> Iterator[None]:
    """Lets imports load the code under test again, and restores all modules afterwards."""
    before = {name: module for name, module in sys.modules.items() if _is_under_test(name)}
    for name in before:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in [name for name in sys.modules if _is_under_test(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _is_under_test(name: str) -> bool:
    return name.partition(".")[0] in _UNDER_TEST
