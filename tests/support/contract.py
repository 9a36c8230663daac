"""Validates events against docs/asyncapi.yaml."""

import json
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def violations(schema: str, value: Any) -> list[str]:
    """Return the places where `value` violates the schema of this name."""
    rules = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    validator = Draft7Validator(rules, format_checker=Draft7Validator.FORMAT_CHECKER)
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(value)]


def s3_events(sample: Any) -> list[dict[str, Any]]:
    """Return the S3 events of a Lambda event: bare, in queue messages or in SNS's envelope, without deletions."""
    if not isinstance(sample, dict) or not isinstance(sample.get("Records"), list):
        return []
    records = sample["Records"]
    if all(record.get("eventSource") == "aws:s3" for record in records):
        return [sample] if all(record["eventName"].startswith("ObjectCreated:") for record in records) else []
    bodies = [record["body"] for record in records if "body" in record]
    return [event for body in bodies for event in s3_events(_unwrapped(body))]


def envelopes(sample: Any) -> list[dict[str, Any]]:
    """Return the SNS envelopes in the messages of a queue."""
    records = sample.get("Records", []) if isinstance(sample, dict) else []
    parsed = [_json(record["body"]) for record in records if "body" in record]
    return [body for body in parsed if isinstance(body, dict) and body.get("Type") == "Notification"]


def _unwrapped(body: str) -> Any:
    parsed = _json(body)
    return _json(parsed["Message"]) if isinstance(parsed, dict) and "Message" in parsed else parsed


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
