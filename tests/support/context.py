"""Lambda's context object, for unit tests."""

from dataclasses import dataclass

from aws_lambda_powertools.utilities.typing import LambdaContext


@dataclass
class Context(LambdaContext):
    """The context of a request of the function `darkroom-resize`, with `remaining_ms` left."""

    remaining_ms: int = 60_000
    request_id: str = "request-1"

    def __post_init__(self) -> None:
        self._function_name = "darkroom-resize"
        self._aws_request_id = self.request_id
        self._memory_limit_in_mb = 512
        self._invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:darkroom-resize"

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
        return self.remaining_ms
