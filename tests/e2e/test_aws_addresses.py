"""Darkroom with `RunsOn=aws` at AWS's own addresses: TLS, virtual hosts, production policies, and then CloudFront.

Functions, browser and programs ask for names like https://BUCKET.s3.us-east-1.amazonaws.com through a front before the
local engine (tests/support/front.py). Three things differ from the production template, because the engine needs them:
saved queries are left out, a number is written out, and one permission that AWS does not know is kept.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from botocore.config import Config
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect
from rich.console import Console

from ops import access
from ops.local import engine as engines
from ops.local import stack as stacks
from ops.local.engine import REGION, Engine
from ops.local.up import bring_up
from ops.target import Target
from shared.access import Role
from tests.support.browser import ARRIVES_MS, JPEG, complete, hand_over, look_until
from tests.support.deployed import until
from tests.support.front import Distribution, Front
from tests.support.killers import BUILD
from tests.support.ports import free_port
from tests.support.template import of_type

pytestmark = pytest.mark.nightly

(DISTRIBUTION,) = of_type("AWS::CloudFront::Distribution").values()
PICTURES = [one["PathPattern"] for one in DISTRIBUTION["DistributionConfig"]["CacheBehaviors"]]
NO_VALUE = {"Ref": "AWS::NoValue"}


@dataclass
class Aws:
    """A stack on the local engine that is deployed as on AWS."""

    engine: Engine
    front: Front
    outputs: dict[str, str]

    def client(self, service: Any) -> Any:
        """Make a client that uses AWS's own addresses, as the account's root."""
        session: Any = self.engine.session()
        proxies = Config(proxies={"https": self.front.proxy_url})
        return session.client(service, config=proxies, verify=str(self.front.authority))

    def invitation(self, role: Role) -> str:
        """Make an invitation and return its link."""
        target = cast(Target, SimpleNamespace(client=self.client, outputs=self.outputs))
        token = access.issue(target, "Anna", role, datetime.now(UTC) + timedelta(days=1))
        return f"{self.outputs['GalleryUrl']}enter#{token}"


def at_aws_addresses(node: Any, front: Front) -> Any:
    """Return a part of the built template with the changes that the engine needs."""
    match node:
        case {"Fn::If": ["OnAws", {"Ref": "ResizeMaxConcurrency"}, number]}:
            return number
        case {"Fn::If": ["OnAws", no_value, {"Action": "sqs:ChangeMessageVisibilityBatch"} as kept]} if (
            no_value == NO_VALUE
        ):
            return kept
        case {"POWERTOOLS_METRICS_NAMESPACE": _}:
            return node | front.environment
        case dict():
            return {name: at_aws_addresses(value, front) for name, value in node.items() if name != "Fn::Transform"}
        case list():
            return [at_aws_addresses(value, front) for value in node]
    return node


def build(folder: Path, front: Front) -> None:
    """Put the artifact that all tests share into `folder`, with a changed template."""
    stacks.build(BUILD, stacks.host_architecture())
    (folder / "build").mkdir(parents=True)
    for found in BUILD.iterdir():
        (folder / "build" / found.name).symlink_to(found)
    template = folder / "build" / "template.yaml"
    template.unlink()
    changed = at_aws_addresses(yaml.safe_load((BUILD / "template.yaml").read_text()), front)
    # Through JSON, because SAM's own reader, once imported, makes OrderedDicts that YAML does not write.
    template.write_text(yaml.safe_dump(json.loads(json.dumps(changed, default=str)), sort_keys=False))
    (folder / "build.digest").symlink_to(BUILD.with_name("build.digest"))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    folder = tmp_path_factory.mktemp("aws")
    engine = Engine(folder, free_port())
    process = engines.start(engine)
    try:
        with Front(engine, folder) as front:
            build(folder, front)
            parameters = {"RunsOn": "aws", "ViewAccess": "invited", "UploadAccess": "invited"}
            bring_up(engine, process, parameters, Console(file=(folder / "up.log").open("w")))
            yield Aws(engine, front, outputs(engine))
    finally:
        engines.stop(process)


def outputs(engine: Engine) -> dict[str, str]:
    return stacks.outputs(engine.session().client("cloudformation", endpoint_url=engine.url), stacks.LOCAL_STACK)


@pytest.fixture
def context(browser: Browser, aws: Aws) -> Iterator[BrowserContext]:
    """A browser that finds AWS's names at the front."""
    proxy: Any = {"server": aws.front.proxy_url}
    opened = browser.new_context(proxy=proxy, ignore_https_errors=True, viewport={"width": 1440, "height": 900})
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Open a page, and fail if the page violates its own security policy."""
    opened = context.new_page()
    refused: list[str] = []
    opened.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    yield opened
    assert not refused


def pictures(page: Page) -> list[str]:
    """Return the addresses that the shown pictures came from, without their queries."""
    complete(page)
    sources = page.locator("#grid img").evaluate_all("images => images.map(image => image.currentSrc)")
    return [source.partition("?")[0] for source in sources]


def upload_without_script(browser: Browser, aws: Aws, start: str) -> Page:
    proxy: Any = {"server": aws.front.proxy_url}
    page = browser.new_context(proxy=proxy, ignore_https_errors=True, java_script_enabled=False).new_page()
    page.goto(f"{start}uploads/new")
    file = FilePayload(name="Größe.jpg", mimeType="image/jpeg", buffer=JPEG[2])
    page.get_by_label("Picture").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    return page


def test_a_guest_uploads_and_sees_a_picture_at_the_buckets_virtual_hosts(aws: Aws, page: Page) -> None:
    aws.front.asked.clear()
    page.goto(aws.invitation(Role.UPLOADER))
    expect(page).to_have_url(aws.outputs["GalleryUrl"], timeout=ARRIVES_MS)
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    page.reload()
    (shown,) = pictures(page)
    assert urlsplit(shown).netloc == f"{aws.outputs['ResizedBucketName']}.s3.{REGION}.amazonaws.com"
    posted = {asked.host for asked in aws.front.asked if asked.method == "POST" and asked.path == "/"}
    assert f"{aws.outputs['UploadBucketName']}.s3.{REGION}.amazonaws.com" in posted


def test_a_bucket_refuses_a_signed_request_without_tls(aws: Aws) -> None:
    token = aws.invitation(Role.VIEWER).partition("#")[2]
    with aws.front.client() as client:
        listed = client.get(f"{aws.outputs['GalleryUrl']}images", headers={"authorization": f"Bearer {token}"}).json()
        url = next(url for url in texts(listed) if url.startswith(f"https://{aws.outputs['ResizedBucketName']}."))
        assert client.get(url).status_code == httpx.codes.OK
    parts = urlsplit(url)
    plain = f"{aws.engine.url}{parts.path}?{parts.query}"
    assert httpx.get(plain, headers={"host": parts.netloc}).status_code == httpx.codes.FORBIDDEN


def texts(node: Any) -> list[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return [node] if isinstance(node, str) else [text for child in children for text in texts(child)]


def test_a_stranger_sees_no_picture(aws: Aws, page: Page) -> None:
    page.goto(aws.outputs["GalleryUrl"])
    expect(page.get_by_role("heading", name="A private gallery")).to_be_visible()


def test_a_session_cookie_is_for_this_host_and_tls_alone(aws: Aws, context: BrowserContext, page: Page) -> None:
    page.goto(aws.invitation(Role.VIEWER))
    expect(page).to_have_url(aws.outputs["GalleryUrl"], timeout=ARRIVES_MS)
    (cookie,) = context.cookies()
    assert cookie["name"].startswith("__Host-")
    assert (cookie["domain"], cookie["secure"], cookie["httpOnly"]) == (
        urlsplit(aws.outputs["GalleryUrl"]).hostname, True, True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cdn(aws: Aws) -> Iterator[str]:
    """Deploy the same stack with CloudFront, and return the gallery's address there. The last tests use it."""
    parameters = {"RunsOn": "aws", "ViewAccess": "open", "UploadAccess": "open", "Cdn": "true"}
    settings = {**parameters, "Architecture": stacks.host_architecture()}
    stacks.deploy(aws.engine, stacks.build(aws.engine.folder / "build", stacks.host_architecture())[0], settings)
    aws.outputs = outputs(aws.engine)
    address = aws.outputs["CdnUrl"]
    aws.front.distribution = Distribution(
        domain=str(urlsplit(address).hostname),
        api_host=str(urlsplit(aws.outputs["GalleryUrl"]).hostname),
        pictures=PICTURES,
        s3=aws.client("s3"),
        bucket=aws.outputs["ResizedBucketName"],
    )
    with aws.front.client() as client:
        until(lambda: client.get(address).status_code == httpx.codes.OK, "a gallery behind the CDN")
    yield address
    aws.front.distribution = None


def test_behind_the_cdn_the_page_uploads_and_shows_pictures(aws: Aws, cdn: str, page: Page) -> None:
    page.goto(cdn)
    before = page.locator("#grid img").count()
    aws.front.asked.clear()
    hand_over(page, "drop", [JPEG])
    expect(page.locator(".card[data-state=ready]")).to_have_count(1, timeout=ARRIVES_MS)
    page.reload()
    shown = pictures(page)
    assert len(shown) == before + 1
    assert {urlsplit(source).netloc for source in shown} == {urlsplit(cdn).netloc}
    page.locator("#grid a").first.click()
    viewed = page.get_by_role("dialog").locator("img").first
    expect(viewed).to_have_js_property("complete", True, timeout=ARRIVES_MS)
    assert urlsplit(str(viewed.evaluate("image => image.currentSrc"))).netloc == urlsplit(cdn).netloc
    browsers = {asked.host for asked in aws.front.asked if "mozilla" in asked.headers.get("user-agent", "").lower()}
    assert browsers == {urlsplit(cdn).netloc, f"{aws.outputs['UploadBucketName']}.s3.{REGION}.amazonaws.com"}


def test_behind_the_cdn_uploading_works_without_scripts(aws: Aws, cdn: str, browser: Browser) -> None:
    page = upload_without_script(browser, aws, cdn)
    look_until(page, page.get_by_role("dialog"))
    assert page.url.startswith(f"{cdn}?image=")
    page.context.close()


def test_the_cdn_serves_no_object_but_pictures(aws: Aws, cdn: str) -> None:
    aws.client("s3").put_object(Bucket=aws.outputs["ResizedBucketName"], Key="letters/x.json", Body=b"{}")
    with aws.front.client() as client:
        assert client.get(f"{cdn}letters/x.json").status_code == httpx.codes.NOT_FOUND
