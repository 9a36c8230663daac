"""Errors of the `darkroom` command: one sentence that says what to do, and an exit code."""

import errno
from collections.abc import Callable
from functools import wraps

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from shared.errors import DarkroomError

_DISK = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "Your quota on this disk is used up",
    errno.EROFS: "This place is read-only",
    errno.EACCES: "Permission denied",
}


class Problem(Exception):
    """End a command: the sentence goes to stderr, and the exit code is 1."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def sentence_on_problem[**P](command: Callable[P, None]) -> Callable[P, None]:
    """Turn a Problem, or an error of AWS, into a sentence on stderr and exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ClientError, BotoCoreError) as error:
            _say("aws-refused", f"{error}. Check your credentials and that Darkroom runs, then try again.")
            raise typer.Exit(1) from error
        except DarkroomError as error:
            _say(error.code, error.sentence)
            raise typer.Exit(1) from error
        except OSError as error:
            if error.errno not in _DISK:
                raise
            _say(
                "disk",
                f"{_DISK[error.errno]} ({error.filename or error}). Free or choose another place, then try again.",
            )
            raise typer.Exit(1) from error
        except Problem as problem:
            _say(problem.code, problem.sentence)
            raise typer.Exit(1) from problem

    return run


def _say(code: str, sentence: str) -> None:
    Console(stderr=True).print(f"[red]{code}[/]: ", sentence, sep="", highlight=False, soft_wrap=True)
