"""A local stand-in for S3 and SQS with the delays of a Lambda function's network."""

import asyncio
import hashlib
import json
import re
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

REQUEST_SECONDS = 0.030
LINE_BYTES_PER_SECOND = 60_000_000
_PIECE_BYTES = 64 * 1024
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"x-amz-target: *AmazonSQS\.(\w+)", re.IGNORECASE)
_ONLY_NEW = re.compile(rb"if-none-match: *\*", re.IGNORECASE)


class SlowS3:
    """Answers requests to S3 and SQS on loopback, in a separate thread.

    Every request takes REQUEST_SECONDS. The bytes of one direction share a bandwidth of LINE_BYTES_PER_SECOND, as in
    Lambda. `written` has the path (`/bucket/key`) of every object that a PUT wrote. `requests` counts by kind.
    """

    def __init__(self) -> None:
        self.written: set[str] = set()
        self.requests: Counter[str] = Counter()
        self._originals: dict[str, tuple[bytes, str]] = {}
        self._line_free = {"in": 0.0, "out": 0.0}
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def put_original(self, path: str, body: bytes) -> str:
        """Lets GET and HEAD find `body` at `path`; returns its ETag."""
        etag = hashlib.md5(body).hexdigest()
        self._originals[path] = body, etag
        return etag

    def close(self) -> None:
        """Stops answering."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                began = time.monotonic()
                first, _, headers = head.partition(b"\r\n")
                method, target, _ = first.decode().split(" ")
                await self._receive(reader, writer, headers)
                status, answered, body = self._answer(method, target, headers)
                await asyncio.sleep(max(0.0, began + REQUEST_SECONDS - time.monotonic()))
                lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in answered.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode())
                if method != "HEAD":
                    await self._send(writer, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has closed its connection
        finally:
            writer.close()

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: bytes) -> None:
        if b"100-continue" in headers:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = _LENGTH.search(headers)
        left = int(length[1]) if length else 0
        while left:
            piece = await reader.read(min(left, _PIECE_BYTES))
            if not piece:
                raise ConnectionError
            left -= len(piece)
            await self._take_the_line("in", len(piece))

    async def _send(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        view = memoryview(body)
        for at in range(0, len(body), _PIECE_BYTES):
            await self._take_the_line("out", min(_PIECE_BYTES, len(body) - at))
            writer.write(view[at : at + _PIECE_BYTES])
            await writer.drain()

    async def _take_the_line(self, direction: str, size_bytes: int) -> None:
        now = time.monotonic()
        free = max(now, self._line_free[direction]) + size_bytes / LINE_BYTES_PER_SECOND
        self._line_free[direction] = free
        if free - now > 0.002:  # the event loop is not accurate for shorter sleeps
            await asyncio.sleep(free - now)

    def _answer(self, method: str, target: str, headers: bytes) -> tuple[str, dict[str, str], bytes]:
        if action := _TARGET.search(headers):
            self.requests[f"SQS {action[1].decode()}"] += 1
            answer = {"Successful": [], "Failed": [], "MessageId": "sent", "MD5OfMessageBody": ""}
            return "200 OK", {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer).encode()
        split = urlsplit(target)
        path, query = unquote(split.path), parse_qs(split.query, keep_blank_values=True)
        if "list-type" in query:
            self.requests["LIST"] += 1
            return "200 OK", {"Content-Type": "application/xml"}, self._listed(path, query.get("prefix", [""])[0])
        if method == "POST":  # ?delete, with the keys in the body
            self.requests["DELETE"] += 1
            return "200 OK", {"Content-Type": "application/xml"}, b"<DeleteResult></DeleteResult>"
        self.requests[method] += 1
        if method in {"GET", "HEAD"}:
            if path not in self._originals:
                return "404 Not Found", {}, b"<Error><Code>NoSuchKey</Code></Error>" if method == "GET" else b""
            now = format_datetime(datetime.now(UTC), usegmt=True)
            body, etag = self._originals[path]
            return "200 OK", {"ETag": f'"{etag}"', "Last-Modified": now}, body
        if method == "PUT":
            if _ONLY_NEW.search(headers) and path in self.written:
                return "412 Precondition Failed", {}, b"<Error><Code>PreconditionFailed</Code></Error>"
            self.written.add(path)
            return "200 OK", {"ETag": '"0"'}, b""
        self.written.discard(path)
        return "204 No Content", {}, b""

    def _listed(self, bucket: str, prefix: str) -> bytes:
        start = f"/{bucket.strip('/')}/"
        keys = sorted(path.removeprefix(start) for path in self.written if path.startswith(start + prefix))
        contents = "".join(f"<Contents><Key>{escape(key)}</Key><Size>1</Size></Contents>" for key in keys)
        text = f"<ListBucketResult><KeyCount>{len(keys)}</KeyCount><IsTruncated>false</IsTruncated>{contents}"
        return f"{text}</ListBucketResult>".encode()
