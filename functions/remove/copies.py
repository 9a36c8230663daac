"""The CDN's copies of a removed picture."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from shared import clock
from shared.errors import Unavailable
from shared.renditions import SHOWN

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient


@cache
def cloudfront() -> "CloudFrontClient":
    """Returns the CloudFront client of this execution environment."""
    return boto3.client("cloudfront")


def forget(distribution_id: str, image_id: str) -> None:
    """Has the CDN delete its copies of the picture. Raises Unavailable (`copies-remain`)."""
    paths = [f"/{rendition}/{image_id}/*" for rendition in SHOWN]
    # CloudFront ignores a second request with the same reference, so each removal of a picture has a new reference.
    reference = f"{image_id} {clock.now().isoformat()}"
    batch: Any = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": reference}
    try:
        cloudfront().create_invalidation(DistributionId=distribution_id, InvalidationBatch=batch)
    except (ClientError, BotoCoreError, OSError) as error:
        raise Unavailable(
            "copies-remain", "The picture is removed, but the CDN still has copies. Remove it again in a minute."
        ) from error
