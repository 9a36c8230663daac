"""A warm process that runs the real handler on batches of photos, and the batches. `bench.batch` measures it."""

import contextlib
import io
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from bench.photos import photo_like, photos
from bench.slow_s3 import SlowS3
from bench.trees import ROOT
from shared.events import Upload
from shared.keys import new_image_id, upload_key

BATCH = 10
# Settings of every version, and of the plain candidate.
RENDITIONS = [
    {"name": "thumb", "width_px": 400, "height_px": 400, "enlarge": True},
    {"name": "medium", "width_px": 800, "height_px": 800, "quality": 70},
    {"name": "view", "width_px": 1600, "height_px": 1600},
]


class Candidate:
    """A warm process that works on batches, pinned with all its children to one core."""

    def __init__(
        self, tree: Path, python: Path, kind: str, s3: SlowS3, core: int | str, first: Path | None = None
    ) -> None:
        """`first` is a folder whose modules are imported before all others. `core` may be a list such as `0,1`."""
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(str(folder) for folder in (first, tree) if folder),
            "AWS_ENDPOINT_URL": s3.url,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
            "POWERTOOLS_SERVICE_NAME": "resize",
            "POWERTOOLS_METRICS_NAMESPACE": "darkroom",
            "QUEUE_URL": f"{s3.url}/123456789012/work",
            "DEAD_LETTER_QUEUE_URL": f"{s3.url}/123456789012/dead",
            "UPLOAD_BUCKET": "uploads",
            "RESIZED_BUCKET": "resized",
            "MAX_UPLOAD_MEGABYTES": "50",
            "RENDITIONS": json.dumps(RENDITIONS),
        }
        self._process = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), python, "-P", ROOT / "bench" / "batch_worker.py", kind],
            cwd=tree,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, event: Mapping[str, Any]) -> float:
        """Works on one batch and returns the seconds it took. Raises RuntimeError if a message failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"failed": ["the process ended"]}')
        if answer["failed"]:
            raise RuntimeError(f"Not done: {answer['failed']}")
        return float(answer["seconds"])

    def cpu_seconds(self) -> float:
        """Returns the processor time of the process and its children so far, ended children included."""
        ticks = 0
        for pid in self._family():
            ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(number) for number in ended[11:15])  # utime, stime, cutime, cstime: proc_pid_stat(5)
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Returns the present memory of the process and its children. Shared pages count once."""
        kilobytes = 0
        for pid in self._family():
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            kilobytes += int(rollup.partition("\nPss:")[2].split()[0])
        return kilobytes / 1000

    def _family(self) -> Iterator[int]:
        pids = [self._process.pid]
        for pid in pids:
            yield pid
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(FileNotFoundError):  # the thread has just ended
                    pids += [int(child) for child in (task / "children").read_text().split()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


def ten_photos(folder: Path | None) -> list[bytes]:
    """Returns ten JPEGs of 12 megapixels from `folder`, repeated if there are fewer, or copies of a generated one."""
    if folder is None:
        out = io.BytesIO()
        photo_like(4000, 3000).save(out, "JPEG", quality=85)
        return [out.getvalue()] * BATCH
    with tempfile.TemporaryDirectory() as scratch:
        found = [photo.data for photo in photos(folder, Path(scratch)) if photo.label == "JPEG 12 MP"]
    return [found[number % len(found)] for number in range(BATCH)]


def batch_of(s3: SlowS3, bodies: list[bytes]) -> dict[str, Any]:
    """Uploads the photos under new keys; returns the event of one invocation that announces them."""
    now = datetime.now(UTC)
    milliseconds = str(int(now.timestamp() * 1000))
    records = []
    for number, body in enumerate(bodies):
        key = upload_key(new_image_id(now), "photo.jpg")
        upload = Upload("uploads", key, s3.put_original(f"/uploads/{key}", body), len(body), now)
        records.append(
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"handle-{number}",
                "body": json.dumps(upload.as_event()),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": milliseconds,
                    "ApproximateFirstReceiveTimestamp": milliseconds,
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
                "awsRegion": "eu-west-1",
                "md5OfBody": "",
            }
        )
    return {"Records": records}
