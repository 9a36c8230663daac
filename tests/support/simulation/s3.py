"""S3: buckets of objects with ETags, conditional reads, writes and deletes, and listings."""

# ruff: noqa: N803  (the argument names are boto3's)

import bisect
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from tests.support.simulation.faults import Service, failure


@dataclass(frozen=True, slots=True)
class Stored:
    """One object."""

    body: bytes
    etag: str
    at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


class Body:
    """The body of an answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, amt: int | None = None) -> bytes:
        """Returns the rest, or its first `amt` bytes."""
        read, self._body = (self._body, b"") if amt is None else (self._body[:amt], self._body[amt:])
        return read

    def close(self) -> None:
        """Does nothing."""


class Bucket:
    """One bucket; `first_written` says when each key was written first."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.first_written: dict[str, datetime] = {}
        self._keys: list[str] = []  # sorted

    def put(self, key: str, body: bytes, at: datetime, metadata: Mapping[str, str] | None = None) -> Stored:
        """Stores an object."""
        stored = Stored(body, hashlib.md5(body).hexdigest(), at, dict(metadata or {}))
        if key not in self.objects:
            bisect.insort(self._keys, key)
        self.objects[key] = stored
        self.first_written.setdefault(key, at)
        return stored

    def delete(self, key: str) -> None:
        """Deletes an object if there is one."""
        if self.objects.pop(key, None):
            del self._keys[bisect.bisect_left(self._keys, key)]

    def below(self, prefix: str, after: str, most: int) -> list[str]:
        """Returns up to `most` keys that begin with `prefix`, in order, after the key `after`."""
        at = max(bisect.bisect_left(self._keys, prefix), bisect.bisect_right(self._keys, after) if after else 0)
        return list(takewhile(lambda key: key.startswith(prefix), self._keys[at : at + most]))


class S3Client:
    """The requests of boto3's S3 client that the code under test makes."""

    def __init__(self, service: Service, buckets: Mapping[str, Bucket]) -> None:
        self._service = service
        self._buckets = buckets

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str | None = None, **_: object) -> dict[str, Any]:
        """Reads an object, if it has the ETag."""

        def act() -> dict[str, Any]:
            stored = self._found("s3:GetObject", Bucket, Key)
            self._match("s3:GetObject", stored, IfMatch)
            return self._head(stored) | {"Body": Body(stored.body)}

        return self._service.request("s3:GetObject", act)

    def head_object(self, *, Bucket: str, Key: str, **_: object) -> dict[str, Any]:
        """Returns an object's size, ETag and metadata, without its body."""
        return self._service.request("s3:HeadObject", lambda: self._head(self._found("s3:HeadObject", Bucket, Key)))

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        Metadata: Mapping[str, str] | None = None,
        IfNoneMatch: str | None = None,
        IfMatch: str | None = None,
        **_: object,
    ) -> dict[str, Any]:
        """Writes an object, if there is none (`IfNoneMatch="*"`) or if it has the ETag."""

        def act() -> dict[str, Any]:
            before = self._buckets[Bucket].objects.get(Key)
            if (IfNoneMatch == "*" and before) or (IfMatch and not before):
                raise failure("s3:PutObject", "PreconditionFailed", 412)
            if before:
                self._match("s3:PutObject", before, IfMatch)
            stored = self._buckets[Bucket].put(Key, Body, self._service.world.now(), Metadata)
            return {"ETag": f'"{stored.etag}"'}

        return self._service.request("s3:PutObject", act)

    def delete_object(self, *, Bucket: str, Key: str, IfMatch: str | None = None, **_: object) -> dict[str, Any]:
        """Deletes an object, if it has the ETag. A missing object is no error."""

        def act() -> dict[str, Any]:
            stored = self._buckets[Bucket].objects.get(Key)
            if stored:
                self._match("s3:DeleteObject", stored, IfMatch)
                self._buckets[Bucket].delete(Key)
            elif IfMatch:
                raise failure("s3:DeleteObject", "NoSuchKey", 404)
            return {}

        return self._service.request("s3:DeleteObject", act)

    def delete_objects(self, *, Bucket: str, Delete: Mapping[str, Any], **_: object) -> dict[str, Any]:
        """Deletes objects without conditions."""

        def act() -> dict[str, Any]:
            for named in Delete["Objects"]:
                self._buckets[Bucket].delete(named["Key"])
            return {"Deleted": list(Delete["Objects"])}

        return self._service.request("s3:DeleteObject", act)

    def list_objects_v2(
        self,
        *,
        Bucket: str,
        Prefix: str = "",
        StartAfter: str = "",
        ContinuationToken: str = "",
        MaxKeys: int = 1000,
        **_: object,
    ) -> dict[str, Any]:
        """Lists objects by key, a page at a time."""

        def act() -> dict[str, Any]:
            bucket = self._buckets[Bucket]
            found = bucket.below(Prefix, max(StartAfter, ContinuationToken), MaxKeys + 1)
            page = found[:MaxKeys]
            contents = [
                {"Key": key, "ETag": f'"{bucket.objects[key].etag}"', "Size": len(bucket.objects[key].body)}
                | {"LastModified": bucket.objects[key].at}
                for key in page
            ]
            answer: dict[str, Any] = {"KeyCount": len(page), "IsTruncated": len(found) > MaxKeys}
            if contents:
                answer["Contents"] = contents
            if answer["IsTruncated"]:
                answer["NextContinuationToken"] = page[-1]
            return answer

        return self._service.request("s3:ListObjectsV2", act)

    def _found(self, operation: str, bucket: str, key: str) -> Stored:
        stored = self._buckets[bucket].objects.get(key)
        if stored is None:
            raise failure(operation, "404" if operation == "s3:HeadObject" else "NoSuchKey", 404)
        return stored

    @staticmethod
    def _match(operation: str, stored: Stored, if_match: str | None) -> None:
        if if_match and if_match.strip('"') not in {stored.etag, "*"}:
            raise failure(operation, "PreconditionFailed", 412)

    @staticmethod
    def _head(stored: Stored) -> dict[str, Any]:
        return {
            "ContentLength": len(stored.body),
            "ETag": f'"{stored.etag}"',
            "LastModified": stored.at,
            "Metadata": dict(stored.metadata),
        }
