"""What a change does when all is well, and when it is refused, late or cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.coherence.nodes import Node
from tests.unit.coherence.simulation import TIMINGS, Fate
from tests.unit.coherence.stage import A_MOMENT, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = [
    *("open_inbox?", "open_inbox!", "put_up?", "put_up!", "waiting"),
    *("commit?", "commit!", "lift?", "lift!"),
]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage.set_up() as stage:
        yield stage


def remembers(stage: Stage, reader: Node) -> bool:
    """Whether a value that was just read is in memory."""
    stage.read(reader)
    hits = reader.coherence.hits
    stage.read(reader)
    return reader.coherence.hits > hits


def test_a_change_takes_no_time_where_everyone_answers(stage: Stage) -> None:
    readers, writer = [stage.reader() for _ in range(3)], stage.writer()
    before = stage.world.now
    stage.change(writer, "a", "b")
    assert stage.world.now - before <= 2 * A_MOMENT
    assert writer.writer.waits == 0
    assert all(remembers(stage, reader) for reader in readers)


def test_a_silent_process_holds_up_one_change_and_no_more(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    reader.process.is_paused = True
    before = stage.world.now
    stage.change(writer, "a")
    assert stage.world.now - before <= TIMINGS.patience + TIMINGS.lease + 3 * A_MOMENT
    stage.change(writer, "a")
    assert writer.writer.waits == 1


def test_a_process_that_gave_up_its_lease_holds_up_nobody(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.world.finish(stage.world.spawn(reader.process, "stop", reader.holder.release))
    reader.die()
    stage.change(writer, "a")
    assert writer.writer.waits == 0


@pytest.mark.parametrize("outcome", ["refused", "half"])
def test_after_a_refusal_values_are_remembered_at_once(stage: Stage, outcome: str) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.go_on(writer.change(("a",), outcome))
    assert remembers(stage, reader)


def test_after_an_unknown_outcome_the_fence_stays_until_it_runs_out(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    change = stage.begin(writer.change(("a",)), "commit!")
    change.is_held = False
    stage.world.step(change, Fate.IS_LOST)
    assert change.dead
    assert not remembers(stage, reader)
    stage.world.let_pass(TIMINGS.fence)
    assert remembers(stage, reader)


@pytest.mark.parametrize("step", STEPS)
def test_a_writer_that_dies_blocks_memory_for_as_long_as_a_fence_lasts(
    stage: Stage, step: str
) -> None:
    reader, writer, other = stage.reader(), stage.writer(), stage.writer()
    if step == "waiting":
        stage.thread(reader, "listener").is_held = True
    stage.read(reader)
    stage.begin(writer.change(("a",)), step).is_killed = True
    stage.thread(reader, "listener").is_held = False
    stage.read(reader)
    stage.change(other, "a")
    stage.read(reader)
    stage.world.let_pass(TIMINGS.fence)
    assert remembers(stage, reader)


def test_a_change_whose_fence_ran_out_before_its_commit_starts_over(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    change = stage.begin(writer.change(("a",)), "put_up!")
    stage.world.let_pass(TIMINGS.fence)
    assert remembers(stage, reader)
    change.is_held = False
    stage.begin(change, "commit?")
    assert writer.writer.fences == 2
    assert not remembers(stage, reader)
    stage.go_on(change)


def test_without_redis_only_the_first_change_waits(stage: Stage) -> None:
    stage.reader()
    writer = stage.writer()
    for node in (writer,):
        node.process.redis.is_cut = True
    stage.change(writer, "a")
    stage.world.let_pass(TIMINGS.lease)
    waits = writer.writer.waits
    stage.change(writer, "b")
    assert writer.writer.waits == waits == 1


def test_one_broken_connection_does_not_end_all_leases(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    change = stage.begin(writer.change(("a",)), "put_up?")
    change.is_held = False
    stage.world.step(change, Fate.IS_LOST)
    stage.go_on(change)
    assert reader.coherence.holds_lease
    assert writer.writer.fences == 1


def test_without_mongodb_nothing_is_committed(stage: Stage) -> None:
    writer = stage.writer()
    writer.process.mongodb.is_cut = True
    stage.change(writer, "a")
    assert stage.truth.versions["a"] == 0
