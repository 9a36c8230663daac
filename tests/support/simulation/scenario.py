"""One scenario: uploads arrive at a rate while faults happen; afterwards a ledger says where each upload is."""

import importlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from shared.events import Upload, uploads_in
from shared.keys import new_image_id, read_rejection_key, read_rendition_key, upload_key
from shared.limits import MAX_RECEIVES
from tests.support.simulation.environment import Environment, settings
from tests.support.simulation.faults import Fault, Service
from tests.support.simulation.poller import Poller
from tests.support.simulation.queue import Queue
from tests.support.simulation.renderer import CRASHES, REJECTED, SimulatedRenderer
from tests.support.simulation.s3 import Bucket, S3Client
from tests.support.simulation.sqs import SqsClient
from tests.support.simulation.world import BEGINS_AT, VirtualExecutor, World, virtual_wait

MINUTE, HOUR = 60.0, 3600.0


@dataclass(frozen=True)
class Scenario:
    """The uploads and the faults of one run. Shares are parts of the uploads."""

    name: str
    rate: float
    lasts_seconds: float
    faults: tuple[Fault, ...] = ()
    # The world runs this long after the last upload.
    drain_seconds: float = 2 * HOUR
    maximum_concurrency: int = 10
    render_seconds: float = 0.12
    kill_every_seconds: float = 0.0
    kills_until_seconds: float = float("inf")
    killers: float = 0.0
    hostile: float = 0.0
    duplicated: float = 0.0
    replaced: float = 0.0
    reordering: float = 0.0
    late_seconds: float = 0.0
    records_per_message: int = 1
    skew_seconds: float = 0.0
    delete_originals: bool = False
    retention_seconds: float = 14 * 86_400
    # Acts of an operator, each with its second.
    acts: tuple[tuple[float, Callable[["Simulation"], object]], ...] = ()
    seed: int = 1


@dataclass
class Sent:
    """One upload."""

    kind: str
    at: float
    upload: Upload


@dataclass
class Outcome:
    """The place of every upload after the run, and counts of everything on the way."""

    uploads: int
    places: Counter[str]
    doubled: int
    older_content: int
    # Of each upload's thumb, by its image id: the world's seconds when it was first written.
    ready_at: dict[str, float]
    # The most renderings of one file.
    most_renders: int
    # The number of lines of each log event, by code.
    events: Counter[str]
    # Of each dead letter that the handler sent: code, sentence, the world's seconds.
    letters: list[tuple[str, str, float]]
    simulation: "Simulation" = field(repr=False)

    @property
    def healthy_dead(self) -> int:
        """Counts the dead letters of healthy files."""
        return sum(count for place, count in self.places.items() if "dead" in place and "killer" not in place)

    @property
    def lost(self) -> int:
        """Counts the uploads that are in no place."""
        return sum(count for place, count in self.places.items() if "nowhere" in place)

    @property
    def recovery_seconds(self) -> float:
        """Returns the seconds from the end of the last fault until every earlier upload was ready."""
        ends = [fault.ends_seconds for fault in self.simulation.scenario.faults if fault.ends_seconds < float("inf")]
        end = max(ends, default=0.0)
        waited = [one.upload.image.id for one in self.simulation.sent if one.at < end and one.kind != "killer"]
        return max((self.ready_at[one] - end for one in waited if one in self.ready_at), default=0.0)


class Simulation:
    """A Darkroom in virtual time."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.world = World(scenario.seed)
        self.service = Service(self.world, list(scenario.faults))
        self.dead_letters = Queue(self.world, "dead")
        self.queue = Queue(
            self.world,
            "work",
            dead_letters=self.dead_letters,
            max_receives=MAX_RECEIVES,
            reordering=scenario.reordering,
            retention_seconds=scenario.retention_seconds,
        )
        self.buckets = {"uploads": Bucket(), "resized": Bucket()}
        self.sent: list[Sent] = []
        self.events: list[tuple[float, Any]] = []
        self.counts: Counter[str] = Counter()
        self.renders: Counter[bytes] = Counter()
        self.poller = Poller(
            self.world,
            self.queue,
            self.service,
            self._new_environment,
            maximum_concurrency=scenario.maximum_concurrency,
        )
        self._waiting_records: list[dict[str, Any]] = []

    def run(self) -> Outcome:
        """Runs the scenario and records the place of each upload."""
        scenario, world = self.scenario, self.world
        number = round(scenario.rate * scenario.lasts_seconds)
        for n in range(number):
            world.at(n / scenario.rate, lambda n=n: self._upload(n, last=n == number - 1))  # type: ignore[misc]
        for at, act in scenario.acts:
            world.at(at, lambda act=act: act(self))  # type: ignore[misc]
        if scenario.kill_every_seconds:
            self._kill_again()
        with settings(self._variables()):
            world.run(scenario.lasts_seconds + scenario.drain_seconds)
        return self._outcome()

    def replay_all(self) -> None:
        """Sends every dead letter's body to the work queue again, as `darkroom dead-letters replay` does."""
        for message in self.dead_letters.messages():
            self.queue.send(message.body)
        self.dead_letters.visible.clear()

    def recorded(self, event: Any) -> None:
        """Takes a log event of the code under test."""
        name = type(event).__name__
        code = getattr(event, "code", None)
        self.counts[f"{name} {code}" if code else name] += 1
        self.events.append((self.world.seconds, event))

    def _upload(self, number: int, last: bool) -> None:
        scenario, draw = self.scenario, self.world.random
        kind = "healthy"
        share = draw.random()
        if share < scenario.killers:
            kind = "killer"
        elif share < scenario.killers + scenario.hostile:
            kind = "hostile"
        elif share < scenario.killers + scenario.hostile + scenario.replaced:
            kind = "replaced"
        key = upload_key(new_image_id(self.world.now()), "photo.jpg")
        mark = {"killer": CRASHES, "hostile": REJECTED}.get(kind, b"")
        upload = self._put(key, b"photo %d" % number + mark)
        self._announce(upload, last)
        if kind == "replaced":
            after = draw.uniform(0.1, 60)
            self.world.after(after, lambda: self._replace(key, number))
        self.sent.append(Sent(kind, self.world.seconds, upload))
        if draw.random() < scenario.duplicated:
            self.world.after(draw.uniform(0, 120), lambda: self._announce(upload, last=True))

    def _replace(self, key: str, number: int) -> None:
        self._announce(self._put(key, b"newer %d" % number), last=True)

    def _put(self, key: str, body: bytes) -> Upload:
        stored = self.buckets["uploads"].put(key, body, self.world.now())
        return Upload("uploads", key, stored.etag, len(body), self.world.now())

    def _announce(self, upload: Upload, last: bool) -> None:
        self._waiting_records += upload.as_event()["Records"]
        if last or len(self._waiting_records) >= self.scenario.records_per_message:
            body = json.dumps({"Records": self._waiting_records})
            self._waiting_records = []
            late = self.world.random.uniform(0, self.scenario.late_seconds) if self.scenario.late_seconds else 0.0
            self.world.after(late, lambda: self.queue.send(body))

    def _kill_again(self) -> None:
        def kill() -> None:
            self.poller.kill_one()
            self._kill_again()

        if self.world.seconds < self.scenario.kills_until_seconds:
            self.world.after(self.world.random.expovariate(1 / self.scenario.kill_every_seconds), kill)

    def _new_environment(self) -> Environment:
        skew = self.world.random.choice([-1, 0, 1]) * self.scenario.skew_seconds
        s3, sqs = S3Client(self.service, self.buckets), SqsClient(self.service, [self.queue, self.dead_letters])

        def prepare() -> None:
            telemetry: Any = importlib.import_module("shared.telemetry")
            telemetry.tell = lambda event, **_: self.recorded(event)
            telemetry.add = lambda *_, **__: None
            telemetry.flush = lambda: None
            telemetry.observed = lambda handler: handler
            queues: Any = importlib.import_module("shared.queues")
            queues.sqs_client = lambda: sqs
            storage: Any = importlib.import_module("shared.storage")
            storage.s3_client = lambda: s3
            rendering: Any = importlib.import_module("functions.resize.renderer")
            rendering.renderer = SimulatedRenderer(self.world, self.scenario.render_seconds, self.renders)
            work: Any = importlib.import_module("functions.resize.work")
            work.downloads.taken = nullcontext  # its tasks share a thread, which must not wait
            subscriber: Any = importlib.import_module("shared.subscriber")
            subscriber.make_pool = lambda threads: VirtualExecutor(self.world, threads)
            settling: Any = importlib.import_module("shared.settling")
            subscriber.wait = settling.wait = virtual_wait(self.world)
            settling.random = self.world.random

        return Environment(self.world, prepare, skew)

    def _variables(self) -> Mapping[str, str]:
        return {
            "QUEUE_URL": self.queue.url,
            "DEAD_LETTER_QUEUE_URL": self.dead_letters.url,
            "UPLOAD_BUCKET": "uploads",
            "RESIZED_BUCKET": "resized",
            "LETTERS_BUCKET": "resized",
            "MAX_UPLOAD_MEGABYTES": "50",
            "DELETE_ORIGINALS": "true" if self.scenario.delete_originals else "false",
        }

    def _outcome(self) -> Outcome:
        resized = self.buckets["resized"]
        shown: Counter[str] = Counter()
        rejected: set[str] = set()
        ready_at, content = {}, {}
        for key, stored in resized.objects.items():
            if (rendition := read_rendition_key(key)) and rendition.rendition == "thumb":
                shown[rendition.image_id] += 1
                content[rendition.image_id] = stored.body
                ready_at[rendition.image_id] = (resized.first_written[key] - BEGINS_AT).total_seconds()
            elif image_id := read_rejection_key(key):
                rejected.add(image_id)
        dead = Counter(upload.image.id for upload in self.dead_uploads())
        places: Counter[str] = Counter()
        doubled = older = 0
        for one in self.sent:
            image_id = one.upload.image.id
            there = {"ready": image_id in shown, "rejected": image_id in rejected, "dead": image_id in dead}
            where = [name for name, is_there in there.items() if is_there]
            places[f"{one.kind}: {' and '.join(where) or 'nowhere'}"] += 1
            doubled += len(where) > 1 or shown[image_id] > 1
            older += one.kind == "replaced" and "ready" in where and b"newer" not in content[image_id]
        letters = [
            (event.code, event.sentence, at) for at, event in self.events if type(event).__name__ == "DeadLetterSent"
        ]
        return Outcome(
            uploads=len(self.sent),
            places=places,
            doubled=doubled,
            older_content=older,
            ready_at=ready_at,
            most_renders=max(self.renders.values(), default=0),
            events=self.counts,
            letters=letters,
            simulation=self,
        )

    def dead_uploads(self) -> Sequence[Upload]:
        """Returns the uploads that the dead letters announce."""
        return [upload for body in self.dead_letters.bodies() for upload in uploads_in(body)]


def simulate(scenario: Scenario) -> Outcome:
    """Runs `scenario` in virtual time."""
    return Simulation(scenario).run()
