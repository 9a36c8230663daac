"""Lambda's event source mapping for SQS: batches, maximum concurrency, timeouts, partial answers, killed processes."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.simulation.environment import Environment, VirtualContext
from tests.support.simulation.faults import Service
from tests.support.simulation.queue import Message, Queue
from tests.support.simulation.sqs import as_record
from tests.support.simulation.world import World


@dataclass
class Poller:
    """Feeds environments from `queue` for as long as there is something in it."""

    world: World
    queue: Queue
    service: Service
    new_environment: Callable[[], Environment]
    maximum_concurrency: int = 10
    batch_size: int = 10
    window_seconds: float = 1.0
    timeout_seconds: float = 60.0
    cold_start_seconds: float = 1.0
    invocations: int = 0
    environments: int = 0
    killed: int = 0
    timed_out: int = 0
    failed: int = 0
    billed_seconds: float = 0.0
    _idle: list[Environment] = field(default_factory=list)
    _busy: list[Environment] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _window_open: bool = False

    def __post_init__(self) -> None:
        self.queue.on_visible = self._open_window

    def kill_one(self) -> None:
        """Ends an environment in the middle of a batch, if there is one, like a crash of its process."""
        if self._busy:
            self._end(self.world.random.choice(self._busy))
            self.killed += 1

    def _open_window(self) -> None:
        if not self._window_open:
            self._window_open = True
            full = len(self.queue.visible) >= self.batch_size
            self.world.after(0 if full else self.window_seconds, self._poll)

    def _poll(self) -> None:
        self._window_open = False
        while len(self._busy) < self.maximum_concurrency:
            messages = self.queue.receive(self.batch_size)
            if not messages:
                return
            environment = self._idle.pop() if self._idle else None
            cold = environment is None
            if environment is None:
                environment = self.new_environment()
                self.environments += 1
            self._busy.append(environment)
            self._start(environment, messages, cold)

    def _start(self, environment: Environment, messages: list[Message], cold: bool) -> None:
        self.invocations += 1
        number = next(self._numbers)
        records = [as_record(self.world, message) for message in messages]
        receipts = {message.id: message.receipt for message in messages}

        def invoke() -> None:
            if cold:
                self.world.sleep(self.cold_start_seconds)
            began = self.world.seconds
            context = VirtualContext(self.world, self.timeout_seconds, number)
            ended = False

            def time_out() -> None:
                if not ended and environment.alive:
                    self.timed_out += 1
                    self._end(environment)

            self.world.after(self.timeout_seconds, time_out)
            try:
                answer = environment.handle({"Records": records}, context)
            except Exception:
                self.failed += 1
                self._release(environment)
            else:
                self._delete(answer, receipts)
                self._release(environment)
            finally:
                ended = True
                self.billed_seconds += self.world.seconds - began

        self.world.spawn(invoke, environment)

    def _delete(self, answer: dict[str, Any], receipts: dict[str, str]) -> None:
        back = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        if not back <= receipts.keys():  # AWS then treats the whole batch as failed
            self.failed += 1
            return
        for message_id, receipt in receipts.items():
            if message_id not in back and self.service.met("lambda:DeleteMessage") is None:
                self.queue.delete(receipt)

    def _release(self, environment: Environment) -> None:
        if environment.alive:
            self._busy.remove(environment)
            self._idle.append(environment)
        if self.queue.visible:
            self.world.after(0, self._poll)

    def _end(self, environment: Environment) -> None:
        environment.alive = False
        self._busy.remove(environment)
        self.world.after(0, lambda: self.world.kill(environment))
        self.world.after(0, self._poll)
