"""Asks the local engine what AWS documents, so that its leniency is known: docs/engine-ledger.md.

`python -m tests.support.engine_probes` writes the page again. A test compares it, so an upgrade of the engine shows
what has changed.
"""

import tempfile
from pathlib import Path

from ops.local import engine as engines
from ops.local.engine import Engine
from tests.support.ports import free_port
from tests.support.probes import iam, s3, sns, sqs
from tests.support.probes.base import Place, answer

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "engine-ledger.md"
PROBES = (*s3.PROBES, *sqs.PROBES, *sns.PROBES, *iam.PROBES)
_AWS = "https://docs.aws.amazon.com"
_SQS_GUIDE = f"{_AWS}/AWSSimpleQueueService/latest/SQSDeveloperGuide"
# The pages of the sources, by what a probe calls them. An API's operation has a page of its own.
_APIS = {
    "Amazon S3 API": f"{_AWS}/AmazonS3/latest/API/API_",
    "Amazon SQS API": f"{_AWS}/AWSSimpleQueueService/latest/APIReference/API_",
    "Amazon SNS API": f"{_AWS}/sns/latest/api/API_",
    "IAM API": f"{_AWS}/IAM/latest/APIReference/API_",
    "STS API": f"{_AWS}/STS/latest/APIReference/API_",
    "Systems Manager API": f"{_AWS}/systems-manager/latest/APIReference/API_",
}
_PAGES = {
    "S3 User Guide, conditional writes": f"{_AWS}/AmazonS3/latest/userguide/conditional-writes.html",
    "S3 User Guide, object keys": f"{_AWS}/AmazonS3/latest/userguide/object-keys.html",
    "S3 User Guide, object metadata": f"{_AWS}/AmazonS3/latest/userguide/UsingMetadata.html",
    "S3 User Guide, bucket naming rules": f"{_AWS}/AmazonS3/latest/userguide/bucketnamingrules.html",
    "S3 User Guide, access control": f"{_AWS}/AmazonS3/latest/userguide/access-management.html",
    "S3 User Guide, notifications": f"{_AWS}/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html",
    "S3 User Guide, presigned URLs": f"{_AWS}/AmazonS3/latest/userguide/using-presigned-url.html",
    "S3 API, signature of the query": f"{_AWS}/AmazonS3/latest/API/sigv4-query-string-auth.html",
    "S3 API, POST Object": f"{_AWS}/AmazonS3/latest/API/RESTObjectPOST.html",
    "S3 API, POST policy": f"{_AWS}/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html",
    "S3 API, error responses": f"{_AWS}/AmazonS3/latest/API/ErrorResponses.html",
    "S3 User Guide, signature versions": f"{_AWS}/AmazonS3/latest/API/UsingAWSSDK.html",
    "SQS Developer Guide, message metadata": f"{_SQS_GUIDE}/sqs-message-metadata.html",
    "SQS Developer Guide, dead-letter queues": f"{_SQS_GUIDE}/sqs-dead-letter-queues.html",
    "SQS Developer Guide, message quotas": f"{_SQS_GUIDE}/quotas-messages.html",
    "SNS Developer Guide, SQS": f"{_AWS}/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html",
    "SNS Developer Guide, raw delivery": f"{_AWS}/sns/latest/dg/sns-large-payload-raw-message-delivery.html",
    "SNS Developer Guide, filter policies": f"{_AWS}/sns/latest/dg/sns-subscription-filter-policies.html",
    "IAM User Guide, policy evaluation": f"{_AWS}/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
    "IAM User Guide, conditions": f"{_AWS}/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
    "IAM User Guide, global condition keys": f"{_AWS}/IAM/latest/UserGuide/reference_policies_condition-keys.html",
    "IAM User Guide, names and quotas": f"{_AWS}/IAM/latest/UserGuide/reference_iam-quotas.html",
    "Service Authorization Reference, Amazon SQS": f"{_AWS}/service-authorization/latest/reference/list_amazonsqs.html",
}
_RECORDED = "https://github.com/localstack/localstack/blob/master/tests/aws/services"

_HEAD = """\
# What the local engine does differently from AWS

`python -m tests.support.engine_probes` asks MiniStack and writes this page; a test compares it, so an upgrade of the
engine shows a difference. Each answer of AWS links to the page with its rule. Not every page names the error's code, so
a code may differ. `recorded` means that LocalStack's tests recorded the answer on AWS. Differences are bold. A
difference matters where the last column says yes. An end-to-end test cannot show there that Darkroom is right.

Two more differences were found when stacks were deployed. The engine keeps a parameter of type Number as text, and its
SQS poller stops if `MaximumConcurrency` is text; the template gives it a number (`RunsOn=local`). It ignores
`RecursiveLoop` in a template; a unit test checks the property.

| question | engine | AWS | AWS's source | does Darkroom depend on it? |
|---|---|---|---|---|
"""


def link(source: str) -> str:
    """Return a source as a link to its page."""
    name, _, part = source.partition(", ")
    if name == "recorded":
        file, _, test = part.partition("::")
        service = file.split("_")[1].removesuffix(".py")
        return f"[recorded]({_RECORDED}/{service}/{file.replace('.py', '.snapshot.json')}): `{test}`"
    page, _, remark = source.partition(": ")
    address = f"{_APIS[name]}{page.partition(', ')[2]}.html" if name in _APIS else _PAGES[page]
    return f"[{page}]({address})" + (f": {remark}" if remark else "")


def page(place: Place) -> str:
    """Return docs/engine-ledger.md as the engine answers now. Differences are bold."""
    rows = []
    for probe in PROBES:
        found = answer(probe, place)
        shown = f"`{found}`" if found == probe.aws else f"**`{found}`**"
        rows.append(f"| {probe.asks} | {shown} | `{probe.aws}` | {link(probe.source)} | {probe.depends} |\n")
    return _HEAD + "".join(rows)


def run() -> str:
    """Start an engine of its own, ask it everything, and return the page."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder), free_port())
        process = engines.start(engine)
        try:
            return page(Place(engine))
        finally:
            engines.stop(process)


if __name__ == "__main__":
    PAGE.write_text(run())
