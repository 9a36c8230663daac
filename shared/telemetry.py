"""Log lines and metrics of a function.

`tell(UploadResized(image_id=..., ...))` writes one log line and adds the event's numbers to the metrics, so log and
metrics cannot differ. `shared/log_events.py` and `shared/metrics.py` define the events and the metrics.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from functools import cache, partial, wraps
from threading import Lock
from typing import Any

from aws_lambda_powertools import Logger, Metrics, single_metric

from shared.log_events import InvocationFailed, LogEvent
from shared.metrics import COLD_STARTS, Metric

# Every character that is not ASCII is escaped, so a file name cannot reverse a terminal's text or start a new line.
logger = Logger(use_rfc3339=True, utc=True, json_serializer=partial(json.dumps, default=str, separators=(",", ":")))
_lock = Lock()
_coded: Counter[tuple[Metric, str]] = Counter()
_environments: Counter[str] = Counter()


def tell(event: LogEvent, *, exc_info: bool = False) -> None:
    """Write `event` to the log and add to the metrics that it counts and measures."""
    values = {name: value for name in event.field_names() if (value := getattr(event, name)) is not None}
    write = getattr(logger, event.level)
    write(event.message, exc_info=exc_info, extra=values, stacklevel=3)
    for metric, value in event.metrics(values):
        add(metric, value, values.get("code", ""))


def add(metric: Metric, value: float, code: str = "") -> None:
    """Add a value to `metric`; `observed` sends it at the end of the invocation."""
    with _lock:  # Powertools' metrics are not thread-safe
        if metric.by_code:
            _coded[metric, code] += int(value)
        else:
            _metrics().add_metric(metric.name, metric.unit, value)


def observed[R](handler: Callable[[dict[str, Any], Any], R]) -> Callable[[dict[str, Any], Any], R]:
    """Decorate a Lambda handler: log lines carry the request's id, and metrics are sent when the handler returns."""

    @logger.inject_lambda_context
    @wraps(handler)
    def run(event: dict[str, Any], context: Any) -> R:
        if not _environments["begun"]:
            _environments["begun"] = 1
            add(COLD_STARTS, 1)
        try:
            return handler(event, context)
        except Exception as error:
            tell(InvocationFailed(error_type=type(error).__qualname__), exc_info=True)
            raise
        finally:
            flush()

    return run


def flush() -> None:
    """Write the metrics in CloudWatch's embedded metric format: one line for all, and one more for each code."""
    with _lock:
        if _metrics().provider.metric_set:
            _metrics().flush_metrics()
        for (metric, code), number in _coded.items():
            with single_metric(metric.name, metric.unit, number, namespace=_namespace()) as coded:
                coded.add_dimension("code", code)
        _coded.clear()


@cache
def _metrics() -> Metrics:
    return Metrics(namespace=_namespace())


def _namespace() -> str:
    return os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "darkroom")
