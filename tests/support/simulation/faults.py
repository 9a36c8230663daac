"""Faults of services, each with its beginning and end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from threading import Lock

from botocore.exceptions import ClientError, EndpointConnectionError

from tests.support.simulation.world import World

# A client's own attempts take this long until it gives up.
CLIENT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Every request whose name fits `operations` (a shell pattern such as `s3:*`) fails while the fault lasts.

    `code` and `status` belong to the answer; with status 0 the connection fails. A request meets the fault with
    `probability`. With the probability `carried_out`, a failed request is carried out nevertheless.
    """

    operations: str
    begins_seconds: float = 0.0
    lasts_seconds: float = float("inf")
    code: str = "SlowDown"
    status: int = 503
    probability: float = 1.0
    carried_out: float = 0.0
    takes_seconds: float = CLIENT_SECONDS

    @property
    def ends_seconds(self) -> float:
        return self.begins_seconds + self.lasts_seconds


def denied(operations: str, begins_seconds: float = 0.0, lasts_seconds: float = float("inf")) -> Fault:
    """Returns the fault of a policy that denies `operations`."""
    return Fault(operations, begins_seconds, lasts_seconds, "AccessDenied", 403, takes_seconds=0.03)


def failure(operation: str, code: str, status: int) -> Exception:
    """Returns the exception that botocore raises for `operation` (`s3:GetObject`)."""
    service, _, name = operation.partition(":")
    if status == 0:
        return EndpointConnectionError(endpoint_url=f"https://{service}.eu-west-1.amazonaws.com/")
    answer = {"Error": {"Code": code, "Message": f"simulated {code}"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, name)  # type: ignore[arg-type]


@dataclass
class Service:
    """Delays, fails and counts requests; the fakes of S3 and SQS share one."""

    world: World
    faults: list[Fault] = field(default_factory=list)
    request_seconds: float = 0.03
    requests: dict[str, int] = field(default_factory=dict)
    # For tests with real threads; tasks in virtual time run one at a time anyway.
    _one_at_a_time: Lock = field(default_factory=Lock)

    def request[R](self, operation: str, act: Callable[[], R]) -> R:
        """Does `act` as the request `operation`, or raises botocore's exception."""
        self.requests[operation] = self.requests.get(operation, 0) + 1
        fault = self.met(operation)
        if fault is None:
            self.world.sleep(self.request_seconds)
            with self._one_at_a_time:
                return act()
        self.world.sleep(fault.takes_seconds)
        if fault.carried_out and self.world.random.random() < fault.carried_out:
            act()
        raise failure(operation, fault.code, fault.status)

    def met(self, operation: str) -> Fault | None:
        """Returns the fault that a request meets now, if any."""
        for fault in self.faults:
            if (
                fault.begins_seconds <= self.world.seconds < fault.ends_seconds
                and fnmatchcase(operation, fault.operations)
                and (fault.probability == 1.0 or self.world.random.random() < fault.probability)
            ):
                return fault
        return None
