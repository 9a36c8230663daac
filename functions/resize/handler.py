"""Makes the renditions of uploads that arrived, a batch of messages at a time."""

from typing import Any

from functions.resize.renderer import renderer

renderer.start()  # first: its imports overlap this process's

from aws_lambda_powertools.utilities.typing import LambdaContext  # noqa: E402

from functions.resize.memory import return_memory  # noqa: E402
from functions.resize.work import Settings, resize_upload  # noqa: E402
from shared import config  # noqa: E402
from shared.events import Upload  # noqa: E402
from shared.limits import OVERLAPPING_MESSAGES  # noqa: E402
from shared.storage import s3_client  # noqa: E402
from shared.subscriber import process_events  # noqa: E402
from shared.telemetry import observed  # noqa: E402

return_memory()
settings = config.at_start(Settings)


def resize(upload: Upload) -> None:
    """Makes the upload's renditions; raises as resize_upload does."""
    resize_upload(s3_client(), upload, settings(), renderer.render)


@observed
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handles a batch of SQS messages; returns the ids of the failed ones."""
    return process_events(event, context, Upload, resize, overlap=OVERLAPPING_MESSAGES)
