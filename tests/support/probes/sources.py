"""Sources of AWS's answers: a recording, a sentence of AWS's documentation, or a guess that says so."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import botocore.session

_AWS = "https://docs.aws.amazon.com"
_GITHUB = "https://github.com"
# The API references repeat the words of botocore's service models, an operation a page.
_APIS = {
    "s3": f"{_AWS}/AmazonS3/latest/API/API_",
    "sqs": f"{_AWS}/AWSSimpleQueueService/latest/APIReference/API_",
    "sns": f"{_AWS}/sns/latest/api/API_",
    "iam": f"{_AWS}/IAM/latest/APIReference/API_",
    "sts": f"{_AWS}/STS/latest/APIReference/API_",
}
_PAGES = {
    "IAM User Guide, condition operators": (
        f"{_AWS}/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"
    ),
    "SQS Developer Guide, dead-letter queue retention": (
        f"{_AWS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html"
    ),
}
_BALLERINA = f"{_GITHUB}/ballerina-platform/module-ballerinax-aws.sqs/blob/main/ballerina/tests/test.bal"
_LOCALSTACK = f"{_GITHUB}/localstack/localstack/blob/main/tests/aws/services"


@dataclass(frozen=True, slots=True)
class Recorded:
    """AWS gave the answer to a public test: `s3/test_s3.py::TestS3::test_x`, `ballerina testX`, or a thread `a/b#1`."""

    kind: ClassVar = "recorded"
    where: str

    def cell(self) -> str:
        if self.where.startswith("ballerina "):
            return f"recorded: [{self.where.removeprefix('ballerina ')}]({_BALLERINA})"
        if "#" in self.where:
            repository, number = self.where.split("#")
            return f"recorded: [{self.where}]({_GITHUB}/{repository}/issues/{number})"
        file, _, test = self.where.partition("::")
        return f"recorded: [{test}]({_LOCALSTACK}/{file.replace('.py', '.snapshot.json')})"


@dataclass(frozen=True, slots=True)
class Model:
    """AWS's documentation of an operation or a shape says so; a test looks the words up in botocore's copy."""

    kind: ClassVar = "documented"
    service: str
    name: str
    words: str

    def cell(self) -> str:
        return f"documented: [{self.service} {self.name}]({_APIS[self.service]}{self.name}.html): “{self.words}”"

    def says_so(self) -> bool:
        """Return whether botocore's model has the words at this operation or shape."""
        return any(self.words in text for text in _texts(self.service, self.name))


@dataclass(frozen=True, slots=True)
class Page:
    """A page of AWS's guides says so."""

    kind: ClassVar = "documented"
    name: str
    words: str

    def cell(self) -> str:
        return f"documented: [{self.name}]({_PAGES[self.name]}): “{self.words}”"


@dataclass(frozen=True, slots=True)
class Inferred:
    """Nobody says so in public as far as we know; `because` says what speaks for the answer."""

    kind: ClassVar = "inferred"
    because: str

    def cell(self) -> str:
        return f"inferred: {self.because}"


type Source = Recorded | Model | Page | Inferred


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _texts(service: str, name: str) -> Iterator[str]:
    model = _model(service)
    if name not in model.operation_names:
        yield from _texts_of_shape(model.shape_for(name))
        return
    operation = model.operation_model(name)
    yield _plain(operation.documentation)
    for error in operation.error_shapes:
        yield _plain(error.documentation)
    for shape in (operation.input_shape, operation.output_shape):
        if shape is not None:
            yield from _texts_of_shape(shape)


def _texts_of_shape(shape: Any) -> Iterator[str]:
    yield _plain(shape.documentation)
    for member in shape.members.values():
        yield _plain(member.documentation)


def _plain(documentation: str) -> str:
    text = re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", documentation)))
    return re.sub(r" ([.,;:)])", r"\1", text).strip()
