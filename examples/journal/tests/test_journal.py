"""Unit tests of journal: Node reads the golden messages and names as Python does."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.support.missing import node as path_of_node

FOLDER = Path(__file__).parents[1]
CONTRACT = FOLDER.parents[1] / "docs" / "contract"


def node(script: str, given: Any, bucket: str = "darkroom-resized") -> Any:
    """Run a script as an ES module with `given` as its JSON input, and return the JSON that it prints."""
    prepared = f"import {{ readFileSync }} from 'node:fs';\nconst given = JSON.parse(readFileSync(0));\n{script}"
    done = subprocess.run(
        [path_of_node(), "--input-type=module", "--eval", prepared],
        input=json.dumps(given), cwd=FOLDER, capture_output=True, text=True, check=False,
        env={**os.environ, "EVENTS_BUCKET": bucket},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_node_reads_the_golden_messages() -> None:
    golden = json.loads((CONTRACT / "messages.json").read_text())
    script = "import { eventsIn } from './contract.mjs';\nconsole.log(JSON.stringify(given.map(eventsIn)));"
    assert node(script, [message["body"] for message in golden]) == [message["events"] for message in golden]


def test_node_decodes_names() -> None:
    names = json.loads((CONTRACT / "names.json").read_text())
    script = "import { decodeKey, decodeName } from './contract.mjs';\n"
    script += "console.log(JSON.stringify(given.map((name) => decodeName(decodeKey(name)))));"
    assert node(script, [name["in_event"] for name in names]) == [name["name"] for name in names]


def test_a_failed_message_is_retried_alone() -> None:
    good = json.loads((CONTRACT / "messages.json").read_text())[2]["body"]
    batch = {"Records": [{"messageId": "1", "body": good}, {"messageId": "2", "body": "{}"}]}
    script = "import { handle } from './handler.mjs';\nconsole.log(JSON.stringify(await handle(given)));"
    assert node(script, batch) == {"batchItemFailures": [{"itemIdentifier": "2"}]}


def test_an_event_about_another_bucket_fails() -> None:
    batch = {"Records": [{"messageId": "1", "body": json.loads((CONTRACT / "messages.json").read_text())[2]["body"]}]}
    script = "import { handle } from './handler.mjs';\nconsole.log(JSON.stringify(await handle(given)));"
    assert node(script, batch, "another-bucket") == {"batchItemFailures": [{"itemIdentifier": "1"}]}
