"""Properties of the template that no local engine can show: parameters, names, the API, buckets and the CDN."""

import json
import re
from typing import Any

import pytest

from functions.resize.formats.sniff import READABLE
from shared.limits import (
    FUNCTION_MEMORY_MB,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    MAX_SIDE_PX,
    MOST_IMAGE_PIXELS,
)
from shared.renditions import DEFAULT_RENDITIONS, parse_renditions
from tests.support.template import FUNCTIONS, RESOURCES, ROOT, TEMPLATE, of_type


def test_the_api_throttle_is_a_parameter() -> None:
    (stage,) = of_type("AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingBurstLimit": {"Ref": "ApiBurstRequests"},
        "ThrottlingRateLimit": {"Ref": "ApiRequestsPerSecond"},
    }


def test_the_api_logs_each_request_as_one_json_line() -> None:
    (stage,) = of_type("AWS::ApiGatewayV2::Stage").values()
    fields = json.loads(stage["AccessLogSettings"]["Format"])
    assert fields["status"] == "$context.status"
    assert RESOURCES["ApiLogGroup"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_no_route_repeats_another() -> None:
    """`$default` takes every request that no other route takes."""
    routes = {route["RouteKey"]: route["Target"]["Fn::Sub"] for route in of_type("AWS::ApiGatewayV2::Route").values()}
    assert [key for key, target in routes.items() if target == routes["$default"]] == ["$default"]


def test_only_the_local_engine_gets_its_tag() -> None:
    (api,) = of_type("AWS::ApiGatewayV2::Api").values()
    on_aws, local = api["Tags"]["Fn::If"][1:]
    assert on_aws == {"Ref": "AWS::NoValue"}
    assert local == {"ms-custom-id": "da4c4007"}


@pytest.mark.parametrize("name", sorted(of_type("AWS::S3::Bucket")))
def test_a_deleted_or_replaced_stack_leaves_its_buckets(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_names_that_are_global_to_an_account_contain_the_region() -> None:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    (control,) = of_type("AWS::CloudFront::OriginAccessControl").values()
    for name in (dashboard["DashboardName"], control["OriginAccessControlConfig"]["Name"]):
        assert "${AWS::StackName}" in name["Fn::Sub"]
        assert "${AWS::Region}" in name["Fn::Sub"]


UNITS = re.compile(r"# (seconds|milliseconds|characters|MiB|messages|requests|of all attempts)\b")
COUNTS = {"EvaluationPeriods", "DatapointsToAlarm", "maxReceiveCount", "MinValue", "MaxValue", "Default"}


def test_every_number_has_its_unit() -> None:
    """The unit is in the number's own name, in a comment beside it, or in the parameter's name above."""
    wanting = [
        line
        for line in (ROOT / "template.yaml").read_text().splitlines()
        if (found := re.match(r" +(\w+): (\d[\d.]*)( |$)", line))
        and found[1] not in COUNTS
        and not re.search("Days|Seconds", found[1])
        and found[2] != "0"
        and not UNITS.search(line)
    ]
    assert wanting == []


def test_static_tools_can_parse_it() -> None:
    """They do not know YAML's merge keys."""
    templates = [ROOT / "template.yaml", *ROOT.glob("examples/*/template.yaml")]
    assert [path for path in templates if "<<:" in path.read_text()] == []


def test_the_cdn_requires_modern_tls_on_a_custom_domain_and_logs_requests() -> None:
    (distribution,) = of_type("AWS::CloudFront::Distribution").values()
    config = distribution["DistributionConfig"]
    condition, own, default = config["ViewerCertificate"]["Fn::If"]
    assert condition == "WithCdnDomainName"
    assert own["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert own["AcmCertificateArn"] == {"Ref": "CdnCertificateArn"}
    assert default == {"CloudFrontDefaultCertificate": True}  # AWS sets the TLS version for cloudfront.net
    assert config["Aliases"]["Fn::If"][:2] == ["WithCdnDomainName", [{"Ref": "CdnDomainName"}]]
    assert config["Logging"]["Bucket"] == {"Fn::GetAtt": "CdnLogBucket.RegionalDomainName"}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_each_function_has_a_log_group_with_retention(name: str) -> None:
    function_name = FUNCTIONS[name]["FunctionName"]["Fn::Sub"]
    groups = [
        group
        for group in of_type("AWS::Logs::LogGroup").values()
        if group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{function_name}"}
    ]
    assert len(groups) == 1
    assert groups[0]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_originals_expire() -> None:
    rules = RESOURCES["UploadBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {"Fn::If": ["KeepsOriginals", 36500, {"Ref": "OriginalsRetentionDays"}]}
    (rule,) = [rule for rule in rules if rule.get("ExpirationInDays") == days]
    assert rule["Status"] == {"Fn::If": ["KeepsOriginals", "Disabled", "Enabled"]}


def test_parameters_are_described_and_safe_by_default() -> None:
    parameters = TEMPLATE["Parameters"]
    assert all(parameter["Description"] for parameter in parameters.values())
    assert parameters["AllowAnonymousUploads"]["Default"] == "false"
    assert parameters["DeleteOriginals"]["Default"] == "false"
    assert parameters["Architecture"]["Default"] == "x86_64"


@pytest.mark.parametrize(("cdn", "view", "accepted"), [
    ("true", "invited", False), ("true", "open", True), ("false", "invited", True),
])  # fmt: skip
def test_a_private_gallery_with_a_cdn_is_refused(cdn: str, view: str, accepted: bool) -> None:
    rule = TEMPLATE["Rules"]["PrivateGalleriesHaveNoCdn"]
    given = {"Cdn": cdn, "ViewAccess": view}

    def equal(condition: dict[str, list[Any]]) -> bool:
        first, second = condition["Fn::Equals"]
        return bool(given[first["Ref"]] == second)

    assert (not equal(rule["RuleCondition"]) or all(equal(one["Assert"]) for one in rule["Assertions"])) == accepted


def test_the_code_and_the_template_agree() -> None:
    assert parse_renditions(TEMPLATE["Parameters"]["Renditions"]["Default"]) == DEFAULT_RENDITIONS
    assert FUNCTIONS["ResizeFunction"]["MemorySize"] == {"Ref": "ResizeMemory"}
    assert TEMPLATE["Parameters"]["ResizeMemory"]["Default"] == FUNCTION_MEMORY_MB
    assert TEMPLATE["Parameters"]["MaxImageMegapixels"]["Default"] * 1_000_000 == MAX_IMAGE_PIXELS
    # No parameter may allow more (docs/engine.md).
    greatest = {name: parameter.get("MaxValue") for name, parameter in TEMPLATE["Parameters"].items()}
    assert greatest["MaxUploadMegabytes"] * 1_000_000 <= MAX_IMAGE_BYTES
    assert greatest["MaxImageMegapixels"] * 1_000_000 == MOST_IMAGE_PIXELS
    assert greatest["MaxSidePixels"] == MAX_SIDE_PX


def test_the_readme_names_the_accepted_formats_and_limits() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    default = {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items() if "Mega" in name}
    assert "accepts " + READABLE.replace(" or ", " and ") in readme
    assert f"{default['MaxUploadMegabytes']} MB and {default['MaxImageMegapixels']} megapixels" in readme


def test_other_sites_may_use_the_api_only_if_a_parameter_names_them() -> None:
    assert TEMPLATE["Parameters"]["AllowedOrigins"]["Default"] == ""
    condition, cors, otherwise = RESOURCES["Api"]["Properties"]["CorsConfiguration"]["Fn::If"]
    assert TEMPLATE["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AllowedOrigins"}, ""]}]}
    assert cors["AllowOrigins"] == {"Fn::Split": [",", {"Ref": "AllowedOrigins"}]}
    assert "AllowCredentials" not in cors  # the session cookie stays with the gallery
    assert otherwise == {"Ref": "AWS::NoValue"}
