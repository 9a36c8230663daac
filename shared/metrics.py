"""Darkroom's own CloudWatch metrics. Each is defined here and nowhere else."""

from dataclasses import dataclass

from aws_lambda_powertools.metrics import MetricUnit


@dataclass(frozen=True, slots=True)
class Metric:
    """A CloudWatch metric in the stack's namespace, with the dimension `service` and, if `by_code`, also `code`."""

    name: str
    unit: MetricUnit
    about: str
    by_code: bool = False


UPLOADS_TICKETED = Metric("UploadsTicketed", MetricUnit.Count, "tickets issued")
UPLOADS_RESIZED = Metric("UploadsResized", MetricUnit.Count, "uploads whose renditions were written")
UPLOADS_REJECTED = Metric("UploadsRejected", MetricUnit.Count, "files rejected for good", by_code=True)
UPLOADS_SUPERSEDED = Metric("UploadsSuperseded", MetricUnit.Count, "events whose object was replaced or deleted")
UPLOADS_RETRIED = Metric("UploadsRetried", MetricUnit.Count, "attempts that failed and will be retried")
UPLOADS_WAITING = Metric("UploadsWaiting", MetricUnit.Count, "messages requeued because a service is unavailable")
UPLOADS_DEAD_LETTERED = Metric("UploadsDeadLettered", MetricUnit.Count, "dead letters sent, each with its reason")
ATTEMPTS_FAILED = Metric("AttemptsFailed", MetricUnit.Count, "1 or 0 for each attempt; its average is the error rate")
LATENCY = Metric("Latency", MetricUnit.Milliseconds, "from S3's event time to the last rendition written")
DECODE_TIME = Metric("DecodeTime", MetricUnit.Milliseconds, "decoding one picture")
RESIZE_TIME = Metric("ResizeTime", MetricUnit.Milliseconds, "resampling one picture to every rendition")
ENCODE_TIME = Metric("EncodeTime", MetricUnit.Milliseconds, "encoding every rendition of one picture")
BYTES_IN = Metric("BytesIn", MetricUnit.Bytes, "the size of an original")
BYTES_OUT = Metric("BytesOut", MetricUnit.Bytes, "the total size of an upload's renditions")
BATCH_SIZE = Metric("BatchSize", MetricUnit.Count, "messages in one invocation")
COLD_STARTS = Metric("ColdStarts", MetricUnit.Count, "first invocations of an execution environment")
METRICS = (
    UPLOADS_TICKETED,
    UPLOADS_RESIZED,
    UPLOADS_REJECTED,
    UPLOADS_SUPERSEDED,
    UPLOADS_RETRIED,
    UPLOADS_WAITING,
    UPLOADS_DEAD_LETTERED,
    ATTEMPTS_FAILED,
    LATENCY,
    DECODE_TIME,
    RESIZE_TIME,
    ENCODE_TIME,
    BYTES_IN,
    BYTES_OUT,
    BATCH_SIZE,
    COLD_STARTS,
)
