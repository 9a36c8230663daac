"""What goes wrong on an operator's machine, said in a sentence that tells what to do."""

from collections.abc import Callable
from functools import wraps

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console


class Problem(Exception):
    """Ends a command: its sentence goes to stderr, and the exit code is 1."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def sentence_on_problem[**P](command: Callable[P, None]) -> Callable[P, None]:
    """Ends a command that meets a Problem, or that AWS refuses, with a sentence on stderr and exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ClientError, BotoCoreError) as error:
            _say("aws-refused", f"{error}. Check your credentials and that Darkroom runs, then try again.")
            raise typer.Exit(1) from error
        except Problem as problem:
            _say(problem.code, problem.sentence)
            raise typer.Exit(1) from problem

    return run


def _say(code: str, sentence: str) -> None:
    Console(stderr=True).print(f"[red]{code}[/]: ", sentence, sep="", highlight=False, soft_wrap=True)
