"""Compares the local engine with AWS's documentation, so that its leniency is known: docs/engine-ledger.md.

`python -m tests.support.engine_probes` writes the page again. A test compares it, so an upgrade of the engine shows
each change.
"""

import tempfile
from collections import Counter
from pathlib import Path

from ops.local import engine as engines
from ops.local.engine import Engine
from tests.support.ports import free_port
from tests.support.probes import iam, s3, s3_forms, sns, sqs, sqs_queues
from tests.support.probes.base import Place, answer

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "engine-ledger.md"
PROBES = (*s3.PROBES, *s3_forms.PROBES, *sqs.PROBES, *sqs_queues.PROBES, *sns.PROBES, *iam.PROBES)

_HEAD = """\
# Differences between the local engine and AWS

`python -m tests.support.engine_probes` asks MiniStack and writes this page; a test compares it, so an upgrade of the
engine shows a difference. Differences are bold. A difference matters if the last column says yes: an end-to-end test
cannot show that Darkroom is right there.

{counts}

- **recorded**: AWS gave this answer. LocalStack records tests that ran on AWS, Ballerina's SQS module tests on AWS,
  and a thread quotes AWS's error.
- **documented**: AWS's API reference or guide says so. A unit test compares quotes of the API reference with botocore.
- **inferred**: neither recorded nor documented. The reason is given, and the error's code may differ.

Two more differences were found when stacks were deployed. The engine keeps a parameter of type Number as text, and its
SQS poller stops if `MaximumConcurrency` is text; the template gives it a number (`RunsOn=local`). It ignores
`RecursiveLoop` in a template; a unit test checks the property.

| question | engine | AWS | source | does Darkroom depend on it? |
|---|---|---|---|---|
"""


def counts() -> str:
    """Return how many answers of AWS have a source of each kind."""
    kinds = Counter(probe.source.kind for probe in PROBES)
    said = [f"{kinds[kind]} {kind}" for kind in ("recorded", "documented", "inferred")]
    return f"AWS's {len(PROBES)} answers: {', '.join(said)}."


def page(place: Place) -> str:
    """Return docs/engine-ledger.md as the engine answers now. Differences are bold."""
    rows = []
    for probe in PROBES:
        found = answer(probe, place)
        shown = f"`{found}`" if found == probe.aws else f"**`{found}`**"
        rows.append(f"| {probe.asks} | {shown} | `{probe.aws}` | {probe.source.cell()} | {probe.depends} |\n")
    return _HEAD.format(counts=counts()) + "".join(rows)


def run() -> str:
    """Start an engine, ask it every question, and return the page."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder), free_port())
        process = engines.start(engine)
        try:
            return page(Place(engine))
        finally:
            engines.stop(process)


if __name__ == "__main__":
    PAGE.write_text(run())
