"""Every error Darkroom raises on purpose.

DarkroomError            has a stable code and a sentence for people
├── Rejected             the file's fault, for good: never retried, explained to the uploader
└── Unavailable          our side, for now: retried with backoff, then a dead letter

Whatever is neither is unknown, and unknown means transient: it is handled as Unavailable with the code `unexpected`.
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
    """Refused for good because of the file itself. The sentence tells its uploader what is wrong and what to do."""


class Unavailable(DarkroomError):
    """Cannot be done now, though nothing is wrong with the file. Trying again later can succeed."""
