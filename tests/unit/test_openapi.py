"""docs/openapi.yaml: the same routes, roles and answers as the functions, and no request that ends in a 5xx."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from moto import mock_aws

from functions.ingest.settings import Settings as DoorSettings
from functions.list.settings import Settings, Wiring
from shared import storage
from shared.access import Caller, Guard, Invitation, NotInvited, Role
from tests.support.api import MODULES, application, every_route, function_of, template_routes
from tests.support.gallery import picture, rejection

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())
METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}


class Owner(Guard):
    """Admits everybody as the owner."""

    def admit(self, headers: object, role: Role) -> Caller:
        return Caller("Olga", Role.OWNER.included())

    def check(self, token: str) -> Invitation:
        raise NotInvited("invitation-invalid", "No.")


def described() -> dict[tuple[str, str], str]:
    """Return the role of each method and address in the document."""
    return {
        (method.upper(), path): operation["x-role"]
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def test_the_document_has_the_routes_and_roles_of_the_functions_and_no_other() -> None:
    routes = {(route.method, route.path.replace("{}", "{id}")): route.role.value for _, route in every_route()}
    assert described() == routes


def test_api_gateway_hands_every_route_to_the_function_that_has_it() -> None:
    for function, route in every_route():
        assert function_of(route.method, route.path.replace("{}", "0" * 26)) == function
    for key, function in template_routes().items():
        if key != "$default":
            method, _, path = key.partition(" ")
            assert (method, path) in {(route.method, route.path.replace("{}", "{id}")) for _, route in every_route()}
            assert function in MODULES


@pytest.fixture(scope="module", autouse=True)
def _house() -> Iterator[None]:
    """A gallery in moto that stays for all requests."""
    with mock_aws(), pytest.MonkeyPatch.context() as patched:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patched.setenv(name, "unit")
        patched.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        s3 = boto3.client("s3")
        for bucket in ("uploads", "resized"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        picture(s3)
        rejection(s3, 1)
        storage.s3_client.cache_clear()
        patched.setattr(MODULES["IngestFunction"], "settings", lambda: DoorSettings("uploads", 5))
        patched.setattr(
            MODULES["ListFunction"], "wiring", lambda: Wiring(Settings("resized", "uploads", 5), storage.s3_client())
        )
        remove = MODULES["RemoveFunction"]
        patched.setattr(remove, "settings", lambda: remove.Settings("uploads", "resized"))
        for module in MODULES.values():
            patched.setattr(module, "guard", Owner(lambda: None))  # type: ignore[arg-type,return-value]
        yield
        storage.s3_client.cache_clear()


SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.app = application


@SCHEMA.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_no_request_ends_in_a_server_error_or_an_undocumented_answer(case: schemathesis.Case[Any]) -> None:
    checks = schemathesis.checks
    case.call_and_validate(
        checks=[checks.not_a_server_error, *_named("status_code_conformance", "response_schema_conformance")]
    )


def _named(*names: str) -> list[Any]:
    import schemathesis.specs.openapi.checks as openapi_checks

    return [getattr(openapi_checks, name) for name in names]
