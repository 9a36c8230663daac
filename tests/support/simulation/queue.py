"""A standard queue of SQS: visibility timeouts, delays, receive counts, redrive, retention and a limit in flight."""

import heapq
import itertools
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.simulation.world import World

# docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MAX_IN_FLIGHT = 120_000
MAX_BATCH = 10


@dataclass(eq=False, slots=True)
class Message:
    """One message of a queue. Times are the world's seconds."""

    body: str
    attributes: Mapping[str, Any]
    sent: float
    visible_at: float
    id: str
    receives: int = 0
    first_received: float | None = None
    receipt: str = ""
    in_flight: bool = False
    deleted: bool = False
    turn: int = 0  # of its last entry in `_hidden`; earlier entries are void


@dataclass(eq=False)
class Queue:
    """One standard queue. `on_visible` is called whenever there is something to receive."""

    world: World
    name: str
    visibility_seconds: float = 360
    retention_seconds: float = 14 * 86_400
    dead_letters: "Queue | None" = None
    max_receives: int = 5
    reordering: float = 0.0
    on_visible: Callable[[], None] | None = None
    visible: deque[Message] = field(default_factory=deque)
    in_flight: int = 0
    most_in_flight: int = 0
    waiting: int = 0
    expired: int = 0
    sent: int = 0
    redriven: int = 0
    _hidden: list[tuple[float, int, Message]] = field(default_factory=list)
    _by_receipt: dict[str, Message] = field(default_factory=dict)
    _numbers: Any = field(default_factory=itertools.count)

    @property
    def url(self) -> str:
        return f"https://sqs.eu-west-1.amazonaws.com/123456789012/{self.name}"

    def send(self, body: str, attributes: Mapping[str, Any] | None = None, delay_seconds: float = 0) -> Message:
        """Puts a message into the queue; it is visible after the delay."""
        now = self.world.seconds
        number = next(self._numbers)
        message = Message(body, dict(attributes or {}), now, now + delay_seconds, str(uuid.UUID(int=number)))
        self.sent += 1
        self.waiting += 1
        self._hide(message)
        return message

    def receive(self, most: int = MAX_BATCH) -> list[Message]:
        """Takes up to `most` visible messages into flight. Moves messages that came too often to the dead letters."""
        self._notice()
        taken: list[Message] = []
        while self.visible and len(taken) < most and self.in_flight < MAX_IN_FLIGHT:
            if self.reordering and self.world.random.random() < self.reordering:
                self.visible.rotate(-self.world.random.randrange(len(self.visible)))
            message = self.visible.popleft()
            if message.deleted:
                continue
            if self.world.seconds - message.sent > self.retention_seconds:
                self.expired += 1
                self._end(message)
            elif self.dead_letters and message.receives >= self.max_receives:
                self.redriven += 1
                self._end(message)
                self.dead_letters.take_over(message)
            else:
                taken.append(message)
                self._begin(message)
        return taken

    def _begin(self, message: Message) -> None:
        message.receives += 1
        if message.first_received is None:
            message.first_received = self.world.seconds
        self._by_receipt.pop(message.receipt, None)
        message.receipt = f"{self.name}-{message.id}-{message.receives}"
        self._by_receipt[message.receipt] = message
        message.in_flight = True
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        message.visible_at = self.world.seconds + self.visibility_seconds
        self._hide(message)

    def take_over(self, message: Message) -> None:
        """Receives a message that SQS moves from another queue; it keeps its attributes and its time."""
        moved = Message(message.body, message.attributes, message.sent, self.world.seconds, message.id)
        self.waiting += 1
        self._hide(moved)

    def change_visibility(self, receipt: str, seconds: float) -> bool:
        """Makes a message visible after `seconds`; returns False if this receipt is no longer in flight."""
        message = self._by_receipt.get(receipt)
        if message is None or not message.in_flight:
            return False
        message.visible_at = self.world.seconds + seconds
        self._hide(message)
        return True

    def delete(self, receipt: str) -> bool:
        """Deletes a message; returns False if the receipt is not the newest, because SQS then may not delete it."""
        message = self._by_receipt.get(receipt)
        if message is None:
            return False
        self._end(message)
        return True

    def bodies(self) -> list[str]:
        """Returns the bodies of all messages, hidden ones too."""
        return [message.body for message in self.messages()]

    def messages(self) -> list[Message]:
        """Returns all messages, hidden ones too."""
        every = [*self.visible, *(message for _, _, message in self._hidden)]
        return [message for message in dict.fromkeys(every) if not message.deleted]

    def _end(self, message: Message) -> None:
        if not message.deleted:
            message.deleted = True
            self.waiting -= 1
            self.in_flight -= message.in_flight
            message.in_flight = False
            self._by_receipt.pop(message.receipt, None)

    def _hide(self, message: Message) -> None:
        message.turn = next(self._numbers)
        heapq.heappush(self._hidden, (message.visible_at, message.turn, message))
        self.world.at(message.visible_at, self._notice)

    def _notice(self) -> None:
        """Makes messages visible whose time has come."""
        shown = False
        while self._hidden and self._hidden[0][0] <= self.world.seconds:
            _, turn, message = heapq.heappop(self._hidden)
            if message.deleted or message.turn != turn:
                continue
            self.in_flight -= message.in_flight
            message.in_flight = False
            self.visible.append(message)
            shown = True
        if shown and self.on_visible:
            self.on_visible()
