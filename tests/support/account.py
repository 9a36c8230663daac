"""An AWS account for tests of what asks about accounts: moto where it can, botocore's Stubber where it cannot."""

from typing import Any

import boto3
from botocore.stub import Stubber

REGION = "eu-west-1"


class Account(boto3.Session):
    """A session whose clients are moto's, but for Lambda's account settings and CloudFormation's stacks."""

    def __init__(self, *, free_executions: int = 1000, described: dict[str, Any] | None = None) -> None:
        super().__init__(region_name=REGION)
        self.free_executions, self.described = free_executions, described

    def client(self, service: str, **options: Any) -> Any:  # type: ignore[override]
        made: Any = super().client(service, **options)  # type: ignore[call-overload]
        stubber = Stubber(made)
        if service == "lambda":
            limit = {"UnreservedConcurrentExecutions": self.free_executions, "ConcurrentExecutions": 1000}
            stubber.add_response("get_account_settings", {"AccountLimit": limit})
            stubber.activate()
        if service == "cloudformation":
            if self.described is None:
                stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id x does not exist")
            else:
                described = {"StackName": "x", "CreationTime": "2026-11-22T10:11:12Z", **self.described}
                stubber.add_response("describe_stacks", {"Stacks": [described]})
            stubber.activate()
        return made
