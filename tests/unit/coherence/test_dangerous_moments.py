"""The moments at which coherence could break, one by one, and the rule that saves each.

Every scenario is run twice: with the real parts, and with one part that lacks the rule, to
see that the scenario would notice. ``test_interleavings.py`` looks for moments nobody thought of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.coherence import faulty
from tests.unit.coherence.nodes import Node, Parts
from tests.unit.coherence.simulation import TIMINGS, Fate
from tests.unit.coherence.stage import A_MOMENT, FAST, SLOW, Stage

if TYPE_CHECKING:
    from collections.abc import Callable


def a_load_reads_before_a_change_and_ends_after_it(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    load = stage.begin(reader.read("simple"), "read!")
    stage.change(writer, "a")
    stage.go_on(load)
    stage.read(reader)


def a_load_reads_while_its_tag_is_fenced_and_ends_after(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    change = stage.begin(writer.change(("a",)), "commit?")
    load = stage.begin(reader.read("simple"), "read!")
    stage.go_on(change)
    stage.go_on(load)
    stage.read(reader)


def a_lease_is_taken_while_a_tag_is_fenced(stage: Stage) -> None:
    stage.reader()
    change = stage.begin(stage.writer().change(("a",)), "commit?")
    reader = stage.reader()
    stage.read(reader)
    stage.go_on(change)
    stage.read(reader)


def a_message_is_still_on_its_way_when_the_writer_could_go_on(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.read(reader)
    stage.world.finish(writer.change(("a",)))
    stage.read(reader)


def a_process_is_slow_between_acknowledging_and_whatever_comes_next(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.read(reader)
    stage.thread(reader, "listener").stops_at = "acknowledge!"
    stage.change(writer, "a")
    stage.read(reader)


def a_subscription_falls_silent(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.read(reader)
    stage.silence(reader)
    stage.change(writer, "a")
    stage.read(reader)


def a_subscription_comes_back_without_the_fence(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.read(reader)
    stage.miss_messages_for_a_moment(reader)
    stage.change(writer, "a")
    stage.read(reader)


def a_listener_hangs_for_good(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.thread(reader, "listener").is_held = True
    stage.change(writer, "a")
    stage.world.let_pass(3)
    stage.change(writer, "a")
    assert writer.writer.waits == 1, "each change waits for a process that never answers"


def a_process_is_paused_with_a_renewal_on_its_way_back(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.read(reader)
    renewer = stage.begin(stage.thread(reader, "renewer"), "renew!")
    reader.process.is_paused = True
    stage.change(writer, "a")
    reader.process.is_paused = renewer.is_held = False
    stage.world.finish(renewer)
    stage.read(reader)


def a_reader_has_a_slow_clock_and_the_writer_a_fast_one(stage: Stage) -> None:
    reader, writer = stage.reader(SLOW), stage.writer(FAST)
    stage.read(reader)
    renewer = stage.begin(stage.thread(reader, "renewer"), "renew!")
    renewer.is_held = False
    stage.world.let_pass(A_MOMENT)
    stage.thread(reader, "listener").is_held = True
    change = stage.begin(writer.change(("a",)), "revoke?")
    stage.begin(renewer, "renew!").is_held = False
    stage.go_on(change)
    stage.read(reader)


def two_writers_meet_a_silent_reader(stage: Stage) -> None:
    reader, one, other = stage.reader(), stage.writer(), stage.writer()
    stage.read(reader)
    stage.silence(reader)
    one.change(("b",))
    stage.world.let_pass(TIMINGS.patience + A_MOMENT)
    stage.change(other, "a")
    stage.read(reader)


def a_lease_is_lost_and_taken_again(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.read(reader)
    stage.silence(reader)
    stage.change(writer, "a")
    stage.world.let_pass(3)
    stage.read(reader)


def a_lease_is_lost_and_taken_again_during_a_load(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    load = stage.begin(reader.read("simple"), "read!")
    stage.silence(reader)
    stage.change(writer, "a")
    stage.world.let_pass(3)
    stage.go_on(load)
    stage.read(reader)


def taking_a_lease_arrives_after_it_was_given_up_and_a_later_one_revoked(stage: Stage) -> None:
    writer = stage.writer()
    reader = Node(stage.world, stage.truth, "reader", parts=stage.parts)
    reader.start()
    renewer = stage.begin(stage.thread(reader, "renewer"), "take?")
    renewer.is_held = False
    stage.world.step(renewer, Fate.IS_LATE)
    stage.world.let_pass(1.2)
    stage.read(reader)
    stage.miss_messages_for_a_moment(reader)
    change = stage.begin(writer.change(("a",)), "revoke!")
    stage.world.deliver_late(0)
    stage.go_on(change)
    stage.read(reader)


def a_request_comes_after_a_change_and_finds_a_load_from_before(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    load = stage.begin(reader.read("simple"), "read!")
    stage.change(writer, "a")
    stage.read(reader)
    stage.go_on(load)
    stage.world.settle()


def a_value_is_made_of_one_that_another_request_was_loading(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    load = stage.begin(reader.read("simple"), "read!")
    stage.read(reader, "nested")
    stage.go_on(load)
    stage.world.settle()
    stage.change(writer, "a")
    stage.read(reader, "nested")


def redis_restarts_empty(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.read(reader)
    stage.world.redis.restart(None)
    stage.change(writer, "a")
    stage.read(reader)


def redis_is_flushed(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.read(reader)
    stage.silence(reader)
    stage.world.redis.flush()
    stage.change(writer, "a")
    stage.read(reader)


def redis_restarts_with_what_it_was_before_a_revocation(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.read(reader)
    stage.miss_messages_for_a_moment(reader)
    change = stage.begin(writer.change(("a",)), "revoke?")
    saved = stage.world.redis.snapshot()
    change.is_held = False
    stage.begin(change, "revoke!")
    stage.world.redis.restart(saved)
    stage.go_on(change)
    stage.read(reader)


def only_the_writer_is_cut_off_from_redis(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    stage.read(reader)
    writer.process.redis.is_cut = True
    stage.change(writer, "a")
    stage.read(reader)


def redis_comes_back_while_a_change_is_made_without_it(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    writer.process.redis.is_cut = True
    change = stage.begin(writer.change(("a",)), "commit?")
    stage.world.let_pass(2)
    stage.read(reader)
    stage.go_on(change)
    stage.read(reader)


def a_commit_takes_effect_after_its_fence_ran_out(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    change = stage.begin(writer.change(("a",)), "commit?")
    stage.world.let_pass(TIMINGS.fence + 1)
    stage.read(reader)
    stage.go_on(change)
    stage.read(reader)


def a_commit_takes_effect_after_its_writer_gave_up(stage: Stage) -> None:
    reader, writer = stage.reader(), stage.writer()
    change = stage.begin(writer.change(("a",)), "commit?")
    change.is_held = False
    stage.world.step(change, Fate.IS_LATE)
    stage.world.settle()
    stage.read(reader)
    stage.world.deliver_late(0)
    stage.read(reader)


MOMENTS = [
    (a_load_reads_before_a_change_and_ends_after_it, faulty.LooksOnlyAtFencesThatAreUp),
    (a_load_reads_while_its_tag_is_fenced_and_ends_after, faulty.LooksOnlyAtFencesThatAreUp),
    (a_lease_is_taken_while_a_tag_is_fenced, faulty.IgnoresFencesWhenTaking),
    (
        a_message_is_still_on_its_way_when_the_writer_could_go_on,
        faulty.DoesNotAwaitAcknowledgements,
    ),
    (a_process_is_slow_between_acknowledging_and_whatever_comes_next, faulty.AcknowledgesFirst),
    (a_subscription_falls_silent, faulty.DoesNotWaitOutRevokedLeases),
    (a_subscription_comes_back_without_the_fence, faulty.RenewsUnasked),
    (a_listener_hangs_for_good, faulty.DoesNotCareToHear),
    (a_process_is_paused_with_a_renewal_on_its_way_back, faulty.JudgesFromTheAnswer),
    (a_reader_has_a_slow_clock_and_the_writer_a_fast_one, faulty.TrustsItsClock),
    (two_writers_meet_a_silent_reader, faulty.StrikesAtOnce),
    (a_lease_is_lost_and_taken_again, faulty.KeepsEntriesUnderTheNextLease),
    (a_lease_is_lost_and_taken_again_during_a_load, faulty.KeepsWhatWasReadUnderTheLastLease),
    (taking_a_lease_arrives_after_it_was_given_up_and_a_later_one_revoked, faulty.ReusesLeases),
    (a_request_comes_after_a_change_and_finds_a_load_from_before, faulty.JoinsAnyLoad),
    (a_value_is_made_of_one_that_another_request_was_loading, faulty.JoinsWithoutTags),
    (redis_restarts_empty, faulty.TrustsAnyRegister),
    (redis_restarts_empty, faulty.DoesNotWaitForTheLastTerm),
    (redis_restarts_empty, faulty.GoesOnWithoutRedis),
    (redis_is_flushed, faulty.TrustsAnyRegister),
    (redis_restarts_with_what_it_was_before_a_revocation, faulty.TrustsAnyServer),
    (only_the_writer_is_cut_off_from_redis, faulty.GoesOnWithoutRedis),
    (only_the_writer_is_cut_off_from_redis, faulty.ReadsTheCharterOnce),
    (redis_comes_back_while_a_change_is_made_without_it, faulty.OpensAtOnce),
    (a_commit_takes_effect_after_its_fence_ran_out, faulty.DoesNotLookBack),
    (a_commit_takes_effect_after_its_writer_gave_up, faulty.TakesEveryFailureForARefusal),
]
BREAKABLE = pytest.mark.parametrize(
    ("moment", "part"),
    MOMENTS,
    ids=[f"{moment.__name__}-{part.__name__}" for moment, part in MOMENTS],
)


def _run(moment: Callable[[Stage], None], parts: Parts) -> None:
    with Stage.set_up(parts) as stage:
        moment(stage)


@pytest.mark.parametrize("moment", dict.fromkeys(moment for moment, _part in MOMENTS))
def test_nobody_sees_what_was_before_an_acknowledged_change(
    moment: Callable[[Stage], None],
) -> None:
    _run(moment, Parts())


@BREAKABLE
def test_without_the_rule_somebody_would(moment: Callable[[Stage], None], part: type) -> None:
    with pytest.raises(AssertionError):
        _run(moment, Parts.with_one(part))
