"""The outages and other faults that Darkroom is tested against, each with its expected outcome."""

from dataclasses import dataclass, replace

from tests.support.simulation.faults import Fault, denied
from tests.support.simulation.scenario import HOUR, MINUTE, Outcome, Scenario, Simulation
from tests.support.template import load_template

RECOVERY_SECONDS = 20 * MINUTE
# Uploads arrive before the fault begins and after its end.
BEFORE_SECONDS = AFTER_SECONDS = 5 * MINUTE
# A batch of a simulated environment renders about seven pictures a second. So many environments work off the backlog
# of four hours within RECOVERY_SECONDS. Other rates have the template's default.
DEFAULT_CONCURRENCY: int = load_template()["Parameters"]["ResizeMaxConcurrency"]["Default"]
CONCURRENCY: dict[float, int] = {50: 100}
MESSAGES_A_BATCH = 10


@dataclass(frozen=True)
class Expected:
    """The expected outcome of a scenario. Every number that is not named here must be zero."""

    # Every healthy upload becomes a dead letter with this code.
    letters: str = ""
    recovers: bool = True
    # The most renderings of one file. Each kill or lost answer of S3 may cost another rendering.
    renders: int = 1


type Case = tuple[Scenario, Expected]


def s3_outage(minutes: float, rate: float, *, fault: Fault | None = None, scale: int = 1) -> Scenario:
    """Returns an outage of S3 for everybody but the uploaders.

    With a `scale` above 1, that part of the uploads goes to that part of the environments.
    """
    lasts = minutes * MINUTE
    outage = replace(fault or Fault("s3:*"), begins_seconds=BEFORE_SECONDS, lasts_seconds=lasts)
    name = f"S3 {outage.code if outage.status else 'unreachable'}, {minutes:g} min, {rate:g}/s"
    return Scenario(
        f"{name} (1/{scale} of it)" if scale > 1 else name,
        rate=rate / scale,
        lasts_seconds=BEFORE_SECONDS + lasts + AFTER_SECONDS,
        faults=(outage,),
        drain_seconds=30 * MINUTE,
        maximum_concurrency=CONCURRENCY.get(rate, DEFAULT_CONCURRENCY) // scale,
    )


def other_faults() -> list[Case]:
    """Returns every fault but the plain outages of S3."""
    begins, lasts = BEFORE_SECONDS, 10 * MINUTE
    s3 = Fault("s3:*", begins, lasts)
    base = Scenario(
        "",
        2,
        BEFORE_SECONDS + lasts + AFTER_SECONDS,
        drain_seconds=30 * MINUTE,
        maximum_concurrency=DEFAULT_CONCURRENCY,
    )
    short = replace(base, rate=0.5)
    return [
        (
            replace(base, name="S3 and SendMessage fail, 10 min", faults=(s3, Fault("sqs:Send*", begins, lasts))),
            Expected(),
        ),
        (
            replace(
                base, name="S3 and ChangeVisibility fail, 10 min", faults=(s3, Fault("sqs:Change*", begins, lasts))
            ),
            Expected(),
        ),
        (
            replace(base, name="S3 and all of SQS's requests fail, 10 min", faults=(s3, Fault("sqs:*", begins, lasts))),
            Expected(),
        ),
        (
            replace(base, name="DeleteMessage fails, 30 min", faults=(Fault("*:DeleteMessage*", begins, 3 * lasts),)),
            Expected(renders=9),
        ),
        (
            replace(
                base, name="DeleteObject is denied for ever", faults=(denied("s3:DeleteObject"),), delete_originals=True
            ),
            Expected(),
        ),
        (
            replace(
                base,
                name="one S3 request in three fails, 10 min, half carried out nevertheless",
                faults=(replace(s3, probability=0.33, carried_out=0.5),),
                replaced=0.05,
            ),
            Expected(renders=20),
        ),
        (
            replace(
                base,
                name="an environment is killed every 20 s",
                kill_every_seconds=20,
                kills_until_seconds=base.lasts_seconds,
                replaced=0.05,
            ),
            Expected(renders=9),
        ),
        (replace(short, name="a killer in every batch", rate=2, killers=0.15), Expected(renders=5)),
        (
            replace(base, name="clocks differ by 10 min, S3 fails for 10 min", faults=(s3,), skew_seconds=600),
            Expected(),
        ),
        (
            replace(
                base,
                name="every fifth event twice, half of them out of order, up to 30 s late, 5 % replaced",
                duplicated=0.2,
                reordering=0.5,
                late_seconds=30,
                replaced=0.05,
                hostile=0.05,
            ),
            Expected(renders=4),
        ),
        (
            replace(base, name="100 records a message, S3 fails for 10 min", faults=(s3,), records_per_message=100),
            Expected(),
        ),
        (
            replace(base, name="100 records a message, killers among them", records_per_message=100, killers=0.02),
            Expected(renders=5),
        ),
        (
            replace(short, name="AccessDenied for ever", faults=(denied("s3:*"),)),
            Expected(letters="storage-refused", recovers=False, renders=0),
        ),
        (replay_after(13 * HOUR), Expected()),
    ]


def replay_after(outage_seconds: float) -> Scenario:
    """Returns an outage of S3 that is longer than messages wait, and one replay after it."""
    ends = BEFORE_SECONDS + outage_seconds
    return Scenario(
        f"S3 SlowDown, {outage_seconds / HOUR:g} h, 0.01/s, then one replay",
        rate=0.01,
        lasts_seconds=ends + AFTER_SECONDS,
        faults=(Fault("s3:*", BEFORE_SECONDS, outage_seconds),),
        drain_seconds=30 * MINUTE,
        acts=((ends + MINUTE, Simulation.replay_all),),
    )


def defects(outcome: Outcome, expected: Expected) -> list[str]:
    """Returns the defects of an outcome, one sentence each."""
    killers = sum(one.kind == "killer" for one in outcome.simulation.sent)
    healthy = outcome.uploads - killers
    letters = healthy if expected.letters else 0
    explained = sum(code == expected.letters for code, _, _ in outcome.letters) if letters else 0
    late = outcome.recovery_seconds / MINUTE
    expired = outcome.simulation.queue.expired
    facts = [
        (outcome.healthy_dead == letters, f"{outcome.healthy_dead} of {healthy} healthy uploads are dead letters"),
        (explained == letters, f"{explained} of {letters} dead letters are explained"),
        (outcome.places["killer: dead"] == killers, f"of {killers} killers not all are dead letters"),
        (outcome.lost == 0, f"{outcome.lost} uploads are lost"),
        (outcome.doubled == 0, f"{outcome.doubled} uploads are in two places"),
        (outcome.older_content == 0, f"{outcome.older_content} replaced uploads show their older content"),
        (
            not expected.recovers or late <= RECOVERY_SECONDS / MINUTE,
            f"an upload was ready {late:.1f} min after the end",
        ),
        (outcome.most_renders <= expected.renders, f"one file was rendered {outcome.most_renders} times"),
        (expired == 0, f"{expired} messages outlived their queue's retention"),
    ]
    return [sentence for holds, sentence in facts if not holds]
