"""Text from strangers in a terminal: it has no effect on the terminal, and does not change the text direction."""

import json
import re

import pytest

from ops.monitoring.follow import print_line
from ops.monitoring.logs import parse
from ops.options import console, print_rows
from ops.terminal import escape, printable

HOSTILE = {
    "\x1b[2Jcat": r"\x1b[2Jcat",
    "\x1b]0;title\x07cat": r"\x1b]0;title\x07cat",
    "\u202egpj.exe": r"\u202egpj.exe",
    "a\rb": r"a\rb",
    "\x9b31m": r"\x9b31m",
    "\x08\x7f": r"\x08\x7f",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_characters_that_a_terminal_acts_on_are_written_out(text: str) -> None:
    assert printable(text) == HOSTILE[text]


def test_names_in_all_languages_stay_as_they_are() -> None:
    for name in ("猫 und Hündchen.jpg", "صورة.webp", "👩\u200d👩\u200d👧.png", "naïve\n\tline"):
        assert printable(name) == name


def test_markup_is_no_markup() -> None:
    with console.capture() as captured:
        console.print(escape("[red]cat[/red]"))
    assert captured.get().strip() == "[red]cat[/red]"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_and_a_log_line_show_hostile_text_and_do_not_act_on_it(text: str) -> None:
    fields = {"level": "ERROR", "message": "request failed", "service": "list", "path": text}
    (line,) = parse([json.dumps(fields | {"timestamp": "2026-11-26T12:00:00+00:00"})])
    with console.capture() as captured:
        print_rows(["name"], [[text]])
        print_line(line, as_json=False)
    shown = captured.get()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert shown.count(HOSTILE[text]) == 2
