"""Every error Darkroom raises on purpose.

DarkroomError            has a stable code and a sentence for people
├── Rejected             permanent: the file (or the message) is at fault; never retried, explained to the uploader
└── Unavailable          transient: retried with backoff, then a dead letter
    └── Outage           a service does not answer: the message waits and is charged no attempt

Every other exception counts as transient: as Unavailable with the code `unexpected`.
"""


class DarkroomError(Exception):
    """Has a stable `code` (logs, metrics, dead letters and the page all use it) and a `sentence` for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence

    def __reduce__(self) -> tuple[type["DarkroomError"], tuple[str, str]]:
        # Exception's own pickling calls __init__ with the one joined message; ours takes two arguments.
        return type(self), (self.code, self.sentence)


class Rejected(DarkroomError):
    """The file cannot become a picture, or the message is not an event. The sentence says why and what to do."""


class Unavailable(DarkroomError):
    """The work failed, though the file may be fine. Each failure is charged as an attempt.

    `retry_after_seconds` is the delay that another service asked for. The next attempt comes no sooner.
    """

    def __init__(self, code: str, sentence: str, retry_after_seconds: float = 0) -> None:
        super().__init__(code, sentence)
        self.retry_after_seconds = retry_after_seconds


class Outage(Unavailable):
    """A service is down or throttles, or no time is left. Neither the file nor Darkroom is at fault."""
