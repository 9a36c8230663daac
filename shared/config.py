"""Reads a function's settings from its environment: once, all errors at once."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

from shared.errors import Unavailable
from shared.telemetry import SettingsWrong, tell


def read[T](model: type[T], environ: Mapping[str, str] | None = None) -> T:
    """An instance of the dataclass `model`, each field from the variable of its name in upper case.

    A field's metadata may hold `parse`, a function from text to value; without it the text is the value. A field with
    a default may be missing from the environment. Raises Unavailable (`misconfigured`) that names every bad variable:
    the function cannot work until somebody mends the stack, and no upload is to blame.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in dataclasses.fields(model):  # type: ignore[arg-type]
        variable = field.name.upper()
        if variable not in environ:
            if field.default is dataclasses.MISSING:
                problems.append(f"{variable} is not set")
            continue
        parse: Callable[[str], Any] = field.metadata.get("parse", str)
        try:
            values[field.name] = parse(environ[variable])
        except ValueError as error:
            problems.append(f"{variable}={environ[variable]!r}: {error}")
    if not problems:
        try:
            return model(**values)
        except ValueError as error:
            problems.append(str(error))
    raise Unavailable("misconfigured", "The function's settings are wrong. " + "; ".join(problems) + ".")


def at_start[T](model: type[T]) -> Callable[[], T]:
    """`read` now, as the function starts; answers what gives the settings whenever they are needed.

    Wrong ones are logged at once, and raised (Unavailable, `misconfigured`) each time that they are asked for: so every
    message that fails over them has the reason in its dead letter, which a process that did not start could not tell.
    """
    try:
        settings = read(model)
    except Unavailable as wrong:
        code, sentence = wrong.code, wrong.sentence
        tell(SettingsWrong(code=code, sentence=sentence))

        def refuse() -> T:
            raise Unavailable(code, sentence)

        return refuse
    return lambda: settings


def parsed(parse: Callable[[str], Any], **kwargs: Any) -> Any:
    """A dataclass field that is read from the environment by `parse`; `kwargs` go to dataclasses.field."""
    return dataclasses.field(metadata={"parse": parse}, **kwargs)


def flag(text: str) -> bool:
    """`true` or `false`, as CloudFormation writes them. Raises ValueError for anything else."""
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def positive(text: str) -> int:
    """A whole number above zero. Raises ValueError for anything else."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError("must be a whole number above zero")
    return int(text)
