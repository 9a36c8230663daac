"""The index of all pictures: a DynamoDB table whose keys are the bands that alike pictures share.

Locality-sensitive hashing (Indyk and Motwani 1998): 16 bands of 16 bits, looked up exactly. A picture costs 33 writes,
96 reads of at most BAND_PICTURES items, and one read for each of at most MAX_COMPARED candidates, whether the table
holds ten pictures or ten million.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from examples.lookalikes.compare import likeness
from examples.lookalikes.fingerprint import Fingerprints, bands, differing_bits
from shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# The newest pictures of a band are read. A full band, such as the band of all skies, identifies no picture anyway.
BAND_PICTURES = 25
MAX_COMPARED = 20
BATCH_ITEMS = 25  # BatchWriteItem's maximum


@dataclass(frozen=True, slots=True)
class Settings:
    """Holds the settings from the function's environment."""

    index_table: str


@dataclass(frozen=True, slots=True)
class Match:
    """A picture that looks like another: `bits` of 256 differ, and `likeness` is the correlation of the details."""

    image_id: str
    key: str
    bits: int
    likeness: float = 1.0

    def as_record(self) -> dict[str, Any]:
        return {
            "image": self.image_id,
            "key": self.key,
            "differing_bits": self.bits,
            "likeness": round(self.likeness, 2),
        }


class Index:
    """The table. Its methods raise Unavailable (`index-unavailable`)."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def add(self, image_id: str, key: str, prints: Fingerprints) -> None:
        """Adds a picture. Adding it again changes nothing."""
        hashes = {"S": " ".join(f"{noted:x}" for noted in prints.noted)}
        items: list[Any] = [
            {"band": {"S": band}, "image": {"S": image_id}, "key": {"S": key}, "prints": hashes}
            for band in _keys(prints.noted)
        ]
        items.append({**_sketch_key(image_id), "sketch": {"B": prints.sketch}, "prints": hashes})
        self._write([{"PutRequest": {"Item": item}} for item in items])

    def remove(self, image_id: str) -> None:
        """Removes a picture. Removing it again changes nothing."""
        wanted = {self._table: {"Keys": [_sketch_key(image_id)], "ConsistentRead": True}}
        answer = self._ask(self._dynamodb.batch_get_item, RequestItems=wanted)
        if answer.get("UnprocessedKeys"):
            raise Unavailable("index-unavailable", "DynamoDB returned nothing.")
        for item in answer["Responses"][self._table]:
            noted = [int(text, 16) for text in item["prints"]["S"].split()]
            keys = [{"band": {"S": band}, "image": {"S": image_id}} for band in _keys(noted)]
            self._write([{"DeleteRequest": {"Key": key}} for key in keys])
        # The sketch goes last: if a request fails, the next attempt still finds the hashes in it.
        self._write([{"DeleteRequest": {"Key": _sketch_key(image_id)}}])

    def _write(self, requests: list[Any]) -> None:
        for batch in batched(requests, BATCH_ITEMS, strict=False):
            answer = self._ask(self._dynamodb.batch_write_item, RequestItems={self._table: list(batch)})
            if answer["UnprocessedItems"]:
                raise Unavailable("index-unavailable", "DynamoDB took only a part of the items.")

    def like(self, image_id: str, prints: Fingerprints) -> list[Match]:
        """Returns the other pictures that look like this one, nearest first, of at most MAX_COMPARED candidates."""
        candidates = self._candidates(image_id, prints.asked)[:MAX_COMPARED]
        sketches = self._sketches([candidate.image_id for candidate in candidates])
        found = []
        for candidate in candidates:
            if candidate.image_id in sketches:
                alike = likeness(prints.sketch, sketches[candidate.image_id])
                if alike.is_alike:
                    found.append(Match(candidate.image_id, candidate.key, candidate.bits, alike.details))
        return found

    def _candidates(self, image_id: str, asked: list[int]) -> list[Match]:
        found: dict[str, Match] = {}
        for band in _keys(asked):
            for item in self._in_band(band):
                other = item["image"]["S"]
                bits = differing_bits(asked, [int(text, 16) for text in item["prints"]["S"].split()])
                if other != image_id and bits is not None:
                    found[other] = Match(other, item["key"]["S"], bits)
        return sorted(found.values(), key=lambda match: (match.bits, match.image_id))

    def _in_band(self, band: str) -> list[Any]:
        answer = self._ask(  # an image id sorts newest first
            self._dynamodb.query,
            TableName=self._table,
            KeyConditionExpression="band = :band",
            ExpressionAttributeValues={":band": {"S": band}},
            ConsistentRead=True,
            Limit=BAND_PICTURES,
        )
        items: list[Any] = answer["Items"]
        return items

    def _sketches(self, image_ids: list[str]) -> dict[str, bytes]:
        if not image_ids:
            return {}
        keys = [_sketch_key(image_id) for image_id in image_ids]
        wanted = {self._table: {"Keys": keys, "ConsistentRead": True}}
        answer = self._ask(self._dynamodb.batch_get_item, RequestItems=wanted)
        if answer.get("UnprocessedKeys"):
            raise Unavailable("index-unavailable", "DynamoDB returned only a part of the sketches.")
        return {item["image"]["S"]: item["sketch"]["B"] for item in answer["Responses"][self._table]}

    def _ask(self, request: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return request(**arguments)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("index-unavailable", f"DynamoDB did not answer: {error}") from error


def _keys(prints: list[int]) -> list[str]:
    """Returns the table's keys for the hashes, without duplicates. A key is the row's number and its content."""
    return sorted({f"{row:02}-{band:04x}" for fingerprint in prints for row, band in enumerate(bands(fingerprint))})


def _sketch_key(image_id: str) -> dict[str, Any]:
    return {"band": {"S": f"sketch-{image_id}"}, "image": {"S": image_id}}
