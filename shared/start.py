"""The Lambda entry point of a subscriber: imports its handler and explains an import that fails.

Lambda would only log the failed import. It would then receive each message again after the whole visibility timeout,
and after half an hour SQS would move the message to the dead-letter queue without a reason.
"""

import importlib
import os
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared import contract, log_events
from shared.errors import Rejected
from shared.events import Created
from shared.subscriber import process_events
from shared.telemetry import observed, tell

type Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def load(path: str) -> Handler:
    """Import the handler `package.module.function`.

    If that fails, log the reason and return a handler that makes each message a dead letter with this reason.
    """
    module, _, function = path.rpartition(".")
    try:
        handler: Handler = getattr(importlib.import_module(module), function)
    except Exception as error:
        sentence = (
            f"The function cannot import {module} ({type(error).__name__}: {error}). "
            "Repair and deploy it, then replay its dead letters."
        )
        tell(log_events.ImportFailed(sentence=sentence), exc_info=True)
        return _refusing(sentence)
    return handler


def warn_of_old_copy(parameter: str) -> None:
    """Log a warning if Darkroom's contract, which the SSM parameter holds, is newer than this copy of the package.

    Without an answer from SSM nothing is logged: the subscriber works nevertheless.
    """
    ssm = boto3.client("ssm", config=Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1}))
    try:
        darkroom = ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
    except (ClientError, BotoCoreError):
        return
    if contract.is_older(contract.VERSION, darkroom):
        tell(log_events.CopyOutdated(copy_version=contract.VERSION, darkroom_version=darkroom))


def _refusing(sentence: str) -> Handler:
    def refuse(_event: Created) -> None:
        raise Rejected("import-failed", sentence)

    @observed
    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return process_events(event, context, Created, refuse)

    return handle


def _start() -> Handler:
    if parameter := os.environ.get("CONTRACT_PARAMETER"):
        warn_of_old_copy(parameter)
    return load(os.environ["HANDLER"])


if "HANDLER" in os.environ:
    handle = _start()
