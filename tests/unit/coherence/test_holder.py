"""When a process holds a lease, and when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.coherence.simulation import TIMINGS
from tests.unit.coherence.stage import A_MOMENT, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.coherence.nodes import Node


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage.set_up() as stage:
        yield stage


@pytest.fixture
def reader(stage: Stage) -> Node:
    return stage.reader()


def test_a_process_holds_a_lease_from_its_first_moment_on(stage: Stage, reader: Node) -> None:
    for _ in range(50):
        assert reader.coherence.holds_lease
        stage.world.let_pass(0.1)


@pytest.mark.parametrize("server", ["redis", "mongodb"])
def test_it_lasts_for_a_lease_after_a_server_is_gone_and_comes_back_with_it(
    stage: Stage, reader: Node, server: str
) -> None:
    stage.read(reader)
    getattr(reader.process, server).is_cut = True
    stage.world.let_pass(TIMINGS.lease - TIMINGS.renew - 0.15)
    assert reader.coherence.holds_lease
    stage.world.let_pass(TIMINGS.renew + 0.15)
    assert not reader.coherence.holds_lease
    getattr(reader.process, server).is_cut = False
    stage.world.let_pass(2 * TIMINGS.renew + A_MOMENT)
    assert reader.coherence.holds_lease


def test_what_it_remembers_outlives_a_gap_in_which_nobody_revoked_its_lease(
    stage: Stage, reader: Node
) -> None:
    stage.read(reader)
    reader.process.mongodb.is_cut = True
    stage.world.let_pass(2 * TIMINGS.lease)
    reader.process.mongodb.is_cut = False
    stage.world.let_pass(2 * TIMINGS.renew)
    hits = reader.coherence.hits
    stage.read(reader)
    assert reader.coherence.hits == hits + 1


def test_a_silent_subscription_is_noticed_and_replaced(stage: Stage, reader: Node) -> None:
    stage.silence(reader)
    stage.world.let_pass(TIMINGS.lease + TIMINGS.renew)
    assert not reader.coherence.holds_lease
    stage.world.let_pass(2 * TIMINGS.renew)
    assert reader.coherence.holds_lease
    writer = stage.writer()
    stage.change(writer, "a")
    assert writer.writer.waits == 0


def test_a_broken_subscription_is_replaced_before_the_lease_ends(
    stage: Stage, reader: Node
) -> None:
    stage.miss_messages_for_a_moment(reader)
    for _ in range(30):
        assert reader.coherence.holds_lease
        stage.world.let_pass(0.1)


def test_after_an_accident_of_redis_leases_come_back_when_all_changes_are_over(
    stage: Stage, reader: Node
) -> None:
    stage.world.redis.restart(None)
    stage.world.let_pass(TIMINGS.fence)
    assert not reader.coherence.holds_lease
    stage.world.let_pass(4 * TIMINGS.renew)
    assert reader.coherence.holds_lease


def test_changes_do_not_put_off_the_return_of_leases(stage: Stage, reader: Node) -> None:
    writer = stage.writer()
    stage.world.redis.restart(None)
    stage.world.let_pass(TIMINGS.renew)
    for _ in range(12):
        stage.change(writer, "a")
        stage.world.let_pass(1)
    assert reader.coherence.holds_lease
    assert writer.writer.waits <= 1


def test_a_writer_cut_off_from_redis_keeps_leases_away_only_while_it_writes(
    stage: Stage, reader: Node
) -> None:
    writer = stage.writer()
    writer.process.redis.is_cut = True
    for _ in range(5):
        stage.change(writer, "a")
        stage.world.let_pass(5)
        assert not reader.coherence.holds_lease
    stage.world.let_pass(TIMINGS.fence)
    assert reader.coherence.holds_lease
