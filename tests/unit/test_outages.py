"""Outages and other faults, in virtual time, through the real handler. The whole table: python -m bench.outages."""

from dataclasses import replace

import pytest

from shared.limits import MAX_ATTEMPTS, MAX_WAITED_SECONDS
from tests.support.simulation.faults import Fault, denied
from tests.support.simulation.outages import Case, Expected, defects, other_faults, replay_after, s3_outage
from tests.support.simulation.scenario import HOUR, MINUTE, Scenario, simulate

QUICK_RATE = 0.1


def quick(case: Case) -> Case:
    """Makes a scenario quick: the same faults for fewer uploads."""
    scenario, expected = case
    return replace(scenario, rate=min(scenario.rate, QUICK_RATE * (1 + 4 * (scenario.killers > 0)))), expected


@pytest.mark.parametrize("minutes", [3, 10, 30])
def test_an_outage_of_s3_costs_no_dead_letter(minutes: int) -> None:
    outcome = simulate(s3_outage(minutes, QUICK_RATE))
    assert defects(outcome, Expected()) == []
    assert outcome.events["MessageRequeued storage-unavailable"] > 0


def test_an_unreachable_s3_costs_no_dead_letter() -> None:
    outcome = simulate(s3_outage(10, QUICK_RATE, fault=Fault("s3:*", status=0)))
    assert defects(outcome, Expected()) == []


@pytest.mark.parametrize(
    "case",
    [pytest.param(quick(case), id=case[0].name) for case in other_faults() if "replay" not in case[0].name],
)
def test_a_fault_costs_no_upload(case: Case) -> None:
    scenario, expected = case
    assert defects(simulate(scenario), expected) == []


def test_denied_access_becomes_letters_with_the_exact_sentence_within_six_minutes() -> None:
    outcome = simulate(Scenario("denied", 0.1, 5 * MINUTE, faults=(denied("s3:GetObject"),)))
    assert len(outcome.letters) == outcome.uploads == 30
    sent = {one.upload.key: one.at for one in outcome.simulation.sent}
    for code, sentence, at in outcome.letters:
        (key,) = (key for key in sent if key in sentence)
        assert code == "storage-refused"
        assert sentence == (
            f"S3 refused to read s3://uploads/{key}: An error occurred (AccessDenied) when calling the GetObject "
            "operation: simulated AccessDenied"
        )
        assert at - sent[key] < 6 * MINUTE
    assert outcome.events["MessageFailed storage-refused"] == 30 * (MAX_ATTEMPTS - 1)


def test_an_outage_longer_than_messages_wait_makes_letters_that_one_replay_ends() -> None:
    outcome = simulate(replace(replay_after(MAX_WAITED_SECONDS + 1 * HOUR), rate=0.002))
    assert defects(outcome, Expected()) == []
    # Uploads of the last 12 hours of the outage finish by themselves.
    assert 5 < len(outcome.letters) < 15
    assert {code for code, _, _ in outcome.letters} == {"storage-unavailable"}


def test_a_killer_loses_no_attempt_of_its_neighbours() -> None:
    outcome = simulate(Scenario("killers", 2, 2 * MINUTE, killers=0.15))
    killers = [one for one in outcome.simulation.sent if one.kind == "killer"]
    assert len(killers) > 20
    assert outcome.places == {"healthy: ready": outcome.uploads - len(killers), "killer: dead": len(killers)}
    healthy = [count for body, count in outcome.simulation.renders.items() if not body.endswith(b"!")]
    assert set(healthy) == {1}
    received = [event for _, event in outcome.simulation.events if type(event).__name__ == "UploadReceived"]
    killed = {one.upload.image.id for one in killers}
    assert {event.attempts for event in received if event.image_id not in killed} == {1}


def test_an_open_breaker_keeps_from_hammering_and_closes_with_the_first_success() -> None:
    outcome = simulate(s3_outage(5, 2))
    # A picture that was rendered when the outage began is rendered again after it, since its PUTs failed.
    assert defects(outcome, Expected(renders=2)) == []
    attempts = outcome.events["UploadReceived"] - outcome.uploads
    assert attempts < 0.5 * outcome.events["MessageRequeued storage-unavailable"]
