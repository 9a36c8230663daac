"""A file that ends the renderer process costs its neighbours in the batch nothing. The whole table: bench.killers."""

from collections.abc import Iterator

import pytest

from tests.support import pictures
from tests.support.killer_batches import Batch, KillerBatches
from tests.support.killer_rendering import CODES, CRASHES, HANGS, OUT_OF_MEMORY

TEN = 10


@pytest.fixture(scope="module")
def batches() -> Iterator[KillerBatches]:
    running = KillerBatches(hang_seconds=1.5)
    yield running
    running.stop()


def with_killers(killers: dict[int, bytes]) -> list[bytes]:
    return [pictures.jpeg(320, 240) + killers.get(position, b"") for position in range(TEN)]


def held(batch: Batch, killers: dict[int, bytes]) -> None:
    """Asserts that only the killers failed, each with its code from its first attempt on."""
    assert batch.failed == set(killers)
    for position in range(TEN):
        names = [type(event).__name__ for event in batch.events[position]]
        if position in killers:
            received, failed = batch.events[position]
            assert (names, getattr(failed, "code", "")) == (
                ["UploadReceived", "MessageFailed"],
                CODES[killers[position]],
            )
        else:
            assert names == ["UploadReceived", "UploadResized"]
            received = batch.events[position][0]
        assert getattr(received, "attempts", 0) == 1
        assert batch.ready[position] == (position not in killers)


@pytest.mark.parametrize("position", [0, 4, 9])
@pytest.mark.parametrize("killer", [CRASHES, HANGS, OUT_OF_MEMORY])
def test_a_killer_fails_alone_and_is_named_at_its_first_attempt(
    batches: KillerBatches, killer: bytes, position: int
) -> None:
    killers = {position: killer}
    held(batches.run(with_killers(killers)), killers)


def test_three_killers_in_one_batch_fail_alone(batches: KillerBatches) -> None:
    killers = {1: HANGS, 2: CRASHES, 8: OUT_OF_MEMORY}
    held(batches.run(with_killers(killers)), killers)


def test_a_batch_of_killers_alone_is_survived(batches: KillerBatches) -> None:
    killers = {position: (CRASHES, OUT_OF_MEMORY)[position % 2] for position in range(TEN)}
    held(batches.run(with_killers(killers)), killers)
    held(batches.run(with_killers({})), {})
