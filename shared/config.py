"""Reads a function's settings from its environment and reports all errors at once."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

from shared.errors import Unavailable
from shared.log_events import SettingsWrong
from shared.telemetry import tell


def read[T](model: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Returns an instance of the dataclass `model`. Each field comes from the variable of its name in upper case.

    A field's metadata may hold `parse`, a function from text to value; without it the text is the value. A field with
    a default may be missing from the environment. Raises Unavailable (`misconfigured`) that names every bad variable.
    The error is transient: the function works again once the stack's parameters are corrected.
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
    """Reads the settings now, as the function starts, and returns a function that returns them.

    Wrong settings are logged at once. The returned function then raises Unavailable (`misconfigured`) at each call, so
    that every message that fails has this reason in its dead letter. A function that fails to start could not send dead
    letters.
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
    """Returns a dataclass field whose variable `parse` converts; `kwargs` go to dataclasses.field."""
    return dataclasses.field(metadata={"parse": parse}, **kwargs)


def flag(text: str) -> bool:
    """Converts `true` and `false`, as CloudFormation writes them. Raises ValueError for any other text."""
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def positive(text: str) -> int:
    """Converts a whole number above zero. Raises ValueError for any other text."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError("must be a whole number above zero")
    return int(text)
