"""The fingerprints of all pictures, found by what two alike ones share: a table keyed by band.

Locality-sensitive hashing (Indyk and Motwani 1998): 16 bands of 16 bits, looked up exactly. A picture costs 32 writes
and 96 reads of at most BAND_PICTURES items, whether there are ten pictures or ten million.
"""

from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from examples.lookalikes.fingerprint import bands, differing_bits
from shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# How many of a band's pictures are looked at, the newest: what all skies have in common says nothing anyway.
BAND_PICTURES = 25
MAX_MATCHES = 20
BATCH_ITEMS = 25  # what DynamoDB takes in one request


@dataclass(frozen=True, slots=True)
class Settings:
    """What the function is told by its environment."""

    index_table: str


@dataclass(frozen=True, slots=True)
class Match:
    """A picture that looks like the one asked for; `bits` differ of 256."""

    image_id: str
    key: str
    bits: int

    def as_record(self) -> dict[str, Any]:
        return {"image": self.image_id, "key": self.key, "differing_bits": self.bits}


class Index:
    """The table. Its methods raise Unavailable (`index-unavailable`)."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def add(self, image_id: str, key: str, noted: list[int]) -> None:
        """Notes a picture; again changes nothing."""
        attributes = {"image": {"S": image_id}, "key": {"S": key}, "prints": {"S": " ".join(f"{p:x}" for p in noted)}}
        requests: list[Any] = [{"PutRequest": {"Item": {"band": {"S": band}, **attributes}}} for band in _keys(noted)]
        try:
            for batch in batched(requests, BATCH_ITEMS, strict=False):
                answer = self._dynamodb.batch_write_item(RequestItems={self._table: list(batch)})
                if answer["UnprocessedItems"]:
                    raise Unavailable("index-unavailable", "DynamoDB took only a part. It is tried again.")
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("index-unavailable", f"DynamoDB did not take the fingerprints: {error}") from error

    def like(self, image_id: str, asked: list[int]) -> list[Match]:
        """The other pictures that look like this, nearest first, at most MAX_MATCHES."""
        found: dict[str, Match] = {}
        for band in _keys(asked):
            for item in self._in_band(band):
                other = item["image"]["S"]
                bits = differing_bits(asked, [int(text, 16) for text in item["prints"]["S"].split()])
                if other != image_id and bits is not None:
                    found[other] = Match(other, item["key"]["S"], bits)
        return sorted(found.values(), key=lambda match: (match.bits, match.image_id))[:MAX_MATCHES]

    def _in_band(self, band: str) -> list[Any]:
        try:
            return self._dynamodb.query(  # an image id sorts newest first
                TableName=self._table,
                KeyConditionExpression="band = :band",
                ExpressionAttributeValues={":band": {"S": band}},
                ConsistentRead=True,
                Limit=BAND_PICTURES,
            )["Items"]
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("index-unavailable", f"DynamoDB could not be asked: {error}") from error


def _keys(prints: list[int]) -> list[str]:
    """The table's keys for fingerprints, each once: row and content."""
    return sorted({f"{row:02}-{band:04x}" for fingerprint in prints for row, band in enumerate(bands(fingerprint))})
