"""Batches of ten messages with killers among them, through the real subscriber code and a real renderer process."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from functions.resize import work
from functions.resize.renderer import Renderer
from functions.resize.work import Settings, resize_upload
from shared import log_events, queues, settling, storage, subscriber, telemetry
from shared.events import Upload
from shared.keys import new_image_id, upload_key
from shared.limits import OVERLAPPING_MESSAGES
from shared.sealed import Sealed
from tests.support.context import Context
from tests.support.simulation.environment import settings
from tests.support.simulation.faults import Service
from tests.support.simulation.queue import Queue
from tests.support.simulation.s3 import Bucket, S3Client
from tests.support.simulation.sqs import SqsClient, as_record
from tests.support.simulation.world import World

MEMORY_BYTES = 1024 * 2**20


@dataclass
class Batch:
    """One batch that was worked on. Files are named by their position in it."""

    # The positions whose messages come back.
    failed: set[int] = field(default_factory=set)
    # Log events by position, in their order.
    events: dict[int, list[log_events.LogEvent]] = field(default_factory=dict)
    ready: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0


class KillerBatches:
    """Runs batches in this process, with fakes of S3 and SQS and one renderer process that stays warm."""

    def __init__(self, hang_seconds: float) -> None:
        self._renderer = Renderer()
        self._renderer._process = Sealed(
            "tests.support.killer_rendering", seconds=hang_seconds, memory_bytes=MEMORY_BYTES
        )
        self._renderer.start()

    def stop(self) -> None:
        """Ends the renderer process."""
        self._renderer.stop()

    def run(self, bodies: Sequence[bytes]) -> Batch:
        """Works on one batch of new uploads with these bytes."""
        world = World()
        service = Service(world)
        buckets = {"uploads": Bucket(), "resized": Bucket()}
        dead = Queue(world, "dead")
        queue = Queue(world, "work", dead_letters=dead)
        s3: Any = S3Client(service, buckets)
        batch, positions, messages = Batch(), {}, {}
        for position, body in enumerate(bodies):
            key = upload_key(new_image_id(datetime.now(UTC)), "photo.jpg")
            etag = buckets["uploads"].put(key, body, world.now()).etag
            upload = Upload("uploads", key, etag, len(body), datetime.now(UTC))
            positions[upload.image.id] = position
            messages[queue.send(_as_body(upload)).id] = position
        world.run(0)
        records = [as_record(world, message) for message in queue.receive(len(bodies))]
        wired = Settings("uploads", "resized", 50)

        def resize(upload: Upload) -> None:
            resize_upload(s3, upload, wired, self._renderer.render)

        def tell(event: log_events.LogEvent, **_: object) -> None:
            image_id = getattr(event, "image_id", None)
            if image_id:
                batch.events.setdefault(positions[image_id], []).append(event)

        with _replaced(SqsClient(service, [queue, dead]), s3, tell), settings(_variables(queue, dead)):
            settling.own_queues.cache_clear()
            began = time.monotonic()
            answer = subscriber.process_events(
                {"Records": records}, Context(), Upload, resize, overlap=OVERLAPPING_MESSAGES
            )
            batch.seconds = time.monotonic() - began
            settling.own_queues.cache_clear()
        batch.failed = {messages[failure["itemIdentifier"]] for failure in answer["batchItemFailures"]}
        for key in buckets["resized"].objects:
            rendition, image_id, *_ = key.split("/")
            if rendition == "thumb":
                batch.ready[positions[image_id]] += 1
        return batch


def _as_body(upload: Upload) -> str:
    return json.dumps(upload.as_event())


def _variables(queue: Queue, dead: Queue) -> dict[str, str]:
    return {"QUEUE_URL": queue.url, "DEAD_LETTER_QUEUE_URL": dead.url}


@contextmanager
def _replaced(sqs: Any, s3: Any, tell: Any) -> Iterator[None]:
    """Puts the fakes in the place of the clients and of the log."""
    with (
        patch.object(queues, "sqs_client", lambda: sqs),
        patch.object(storage, "s3_client", lambda: s3),
        patch.object(subscriber, "tell", tell),
        patch.object(settling, "tell", tell),
        patch.object(work, "tell", tell),
        patch.object(telemetry, "add", lambda *_, **__: None),
    ):
        yield
