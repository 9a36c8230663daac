"""Sends one signed HTTP POST, as Standard Webhooks specifies (standardwebhooks.com), with limits on time and bytes."""

import base64
import binascii
import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

from examples.webhook.message import KINDS
from shared import config
from shared.errors import Rejected, Unavailable

CONNECT_SECONDS = 3
ANSWER_SECONDS = 10  # from the first byte sent to the last byte read
SAID_BYTES = 200  # of an answer's body; the rest is never read
MAX_RETRY_AFTER_SECONDS = 900
MIN_SECRET_BYTES = 24
SECRET_PREFIX = "whsec_"  # noqa: S105  (the prefix that Standard Webhooks gives secrets)
# Status codes of temporary problems: time-out, conflict, too early, too many requests.
TRY_AGAIN = {408, 409, 425, 429}


def secrets_of(text: str) -> tuple[bytes, ...]:
    """Decode the secrets, `whsec_` and base64 each, separated by spaces. Raises ValueError."""
    found = []
    for secret in text.split():
        if not secret.startswith(SECRET_PREFIX):
            raise ValueError(f"each secret must begin with {SECRET_PREFIX}")
        try:
            found.append(base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True))
        except binascii.Error as error:
            raise ValueError("a secret is not base64") from error
        if len(found[-1]) < MIN_SECRET_BYTES:
            raise ValueError(f"a secret has fewer than {MIN_SECRET_BYTES} bytes; `openssl rand -base64 32` makes one")
    return tuple(found)


def kinds_of(text: str) -> frozenset[str]:
    """Read the kinds of events to post, separated by commas. Raises ValueError."""
    kinds = frozenset(filter(None, text.split(",")))
    if unknown := kinds - KINDS.keys():
        raise ValueError(f"{', '.join(sorted(unknown))} is not one of {', '.join(KINDS)}")
    return kinds


@dataclass(frozen=True, slots=True)
class Settings:
    """Holds the settings from the function's environment. Without a URL nothing is posted.

    `webhook_secret` may hold two secrets while the receiver changes from one to the other: each post is signed with
    both.
    """

    webhook_url: str = ""
    webhook_secret: tuple[bytes, ...] = field(default=(), repr=False, metadata={"parse": secrets_of})
    webhook_events: frozenset[str] = config.parsed(kinds_of, default=frozenset({"renditions"}))
    private_receiver: bool = config.parsed(config.flag, default=False)

    def __post_init__(self) -> None:
        schemes = ("https://", "http://") if self.private_receiver else ("https://",)
        if self.webhook_url and not self.webhook_url.startswith(schemes):
            raise ValueError(f"WEBHOOK_URL must begin with {' or '.join(schemes)}")
        if self.webhook_url and not self.webhook_secret:
            raise ValueError("WEBHOOK_SECRET is empty, so the receiver could not verify posts")


@dataclass(frozen=True, slots=True)
class Answer:
    """Holds a receiver's answer. `said` is the beginning of its body, `retry_after` the header of that name."""

    status: int
    said: str
    retry_after: str


def signatures(secrets: tuple[bytes, ...], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header webhook-signature: one signature for each secret, separated by spaces."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def post(settings: Settings, message_id: str, body: bytes, now: datetime) -> None:
    """Post `body` with its signatures. Each status 2xx is success.

    Raises Unavailable (`receiver-unavailable`) for no answer, a 5xx and the codes in TRY_AGAIN. Raises Rejected
    (`receiver-refused`) for every other answer. Redirects are not followed, so they raise Rejected too.
    """
    timestamp = int(now.timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": "darkroom-webhook",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(settings.webhook_secret, message_id, timestamp, body),
    }
    answer = send(settings.webhook_url, headers, body, private=settings.private_receiver)
    if 200 <= answer.status < 300:
        return
    sentence = f"The receiver answered {answer.status}: {answer.said}"
    if answer.status in TRY_AGAIN or answer.status >= 500:
        raise Unavailable("receiver-unavailable", sentence, retry_after_seconds(answer.retry_after, now))
    raise Rejected("receiver-refused", f"{sentence} Check its URL and its secret, then replay.")


def send(url: str, headers: dict[str, str], body: bytes, *, private: bool) -> Answer:
    """POST `body`, and read the answer's status, its headers and the first SAID_BYTES, within ANSWER_SECONDS.

    Raises Unavailable (`receiver-unavailable`). Raises Rejected (`receiver-private`) if an address of the host is not
    public and `private` is false.
    """
    parts = urlsplit(url)
    try:
        connected = _connect(parts, private=private)
    except (OSError, ssl.SSLError) as error:
        raise Unavailable("receiver-unavailable", f"The receiver could not be reached: {error}") from error
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)  # ends the read that is under way, however slowly bytes arrive

    timer = threading.Timer(ANSWER_SECONDS, expire)
    timer.start()
    connection = http.client.HTTPConnection(parts.netloc.rpartition("@")[2])
    connection.sock = connected
    try:
        connection.request("POST", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", body, headers)
        answer = connection.getresponse()
        said = answer.read1(SAID_BYTES)
        if expired.is_set():  # the socket's end looks like the end of the headers
            raise TimeoutError
    except (OSError, http.client.HTTPException) as error:
        why = f"did not finish its answer within {ANSWER_SECONDS} s" if expired.is_set() else f"broke off: {error!r}"
        raise Unavailable("receiver-unavailable", f"The receiver {why}.") from error
    finally:
        timer.cancel()
        connection.close()
    return Answer(answer.status, said.decode(errors="replace"), answer.getheader("retry-after", ""))


def retry_after_seconds(header: str, now: datetime) -> float:
    """Read the header Retry-After, which holds seconds or a date; 0 if it holds neither."""
    if header.isascii() and header.isdigit():
        seconds = float(header)
    else:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return 0
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0), MAX_RETRY_AFTER_SECONDS)


def _connect(parts: SplitResult, *, private: bool) -> socket.socket:
    """Connect to the first address of the host that answers. Raises OSError, ssl.SSLError and Rejected."""
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    # Connect to the checked address, so the name cannot change its address in between.
    if not private and not all(ipaddress.ip_address(address).is_global for address in addresses):
        raise Rejected("receiver-private", f"{host} is a private address. Give a public one, then replay.")
    failures: list[OSError] = []
    for address in addresses:
        try:
            plain = socket.create_connection((address, port), CONNECT_SECONDS)
        except OSError as error:
            failures.append(error)
            continue
        if parts.scheme == "http":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        except OSError:
            plain.close()
            raise
    raise failures[0]
