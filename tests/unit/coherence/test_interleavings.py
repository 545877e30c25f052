"""Readers, writers, failures and time in every order that Hypothesis can think of.

The real code runs in the simulation; a request that is answered with what was before a
change it had to see fails at once (see ``nodes.Truth``). At the end everything is repaired,
and then every change must come to an end and every reader must hold a lease again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.unit.coherence import faulty
from tests.unit.coherence.nodes import Node, Parts, Stale, Truth
from tests.unit.coherence.simulation import Actor, Fate, Link, World

T = TypeVar("T")

SLOW, FAST = 0.98, 1.02
REPAIRED_SECONDS = 45

KINDS = ("simple", "nested", "answer")
READING = ("read?", "read!", "read!")
CHANGING = (
    *(None, None, None, None),
    *("put_up?", "put_up!", "open_inbox!", "revoke!", "close!"),
    *("commit?", "commit?", "commit!", "commit!", "lift?", "lift!"),
)
HOLDING = (
    *(("renewer", stage) for stage in ("read?", "read!", "renew?", "renew!", "take?", "take!")),
    *(("listener", stage) for stage in ("acknowledge?", "acknowledge!", "listen?")),
)
HARM = (
    *("kill_a_writer", "replace_a_reader", "cut_redis_off", "cut_mongodb_off"),
    *("silence", "interrupt", "silence", "interrupt", "flush_redis", "restart_redis"),
)
SECONDS = (0.3, 0.5, 1.0, 1.95, 2.6, 2.6, 5.0, 8.0, 11.0)

a_number = st.integers(0, 5)
a_while = st.integers(1, 4)
some_tags = st.sampled_from([("a",), ("b",), ("a", "b")])
an_outcome = st.sampled_from(["made", "made", "made", "refused", "half"])
a_fate = st.sampled_from([Fate.ARRIVES, Fate.ARRIVES, Fate.IS_LOST, Fate.IS_LATE])


class Interleavings(RuleBasedStateMachine):
    """Two readers that also write, and a writer that remembers nothing.

    What a rule holds up or breaks goes on or is repaired some rules later.
    """

    parts: ClassVar[Parts] = Parts()

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.truth = Truth()
        self.readers = [self._reader(rate) for rate in (SLOW, FAST)]
        self.nodes = [*self.readers, self._node("writer", FAST)]
        self.saved = self.world.redis.snapshot()
        self.names = [("nested", "always"), ("answer", "always")]
        self.to_end: list[tuple[int, Callable[[], object]]] = []
        self.world.when_quiet = self._everyone_reads
        self.world.let_pass(1)

    @rule(
        who=a_number,
        kind=st.sampled_from(KINDS),
        stage=st.sampled_from(READING),
        rules=a_while,
        fate=a_fate,
    )
    def request(self, who: int, kind: str, stage: str | None, rules: int, fate: Fate) -> None:
        name = f"{len(self.names)}"
        self.names.append((kind, name))
        self._hold(_of(self.readers, who).read(kind, name), stage, rules, fate)
        self.world.settle()

    @rule(
        who=a_number,
        tags=some_tags,
        outcome=an_outcome,
        stage=st.sampled_from(CHANGING),
        rules=a_while,
        fate=a_fate,
    )
    def change(
        self,
        *,
        who: int,
        tags: tuple[str, ...],
        outcome: str,
        stage: str | None,
        rules: int,
        fate: Fate,
    ) -> None:
        self._hold(_of(self.nodes, who).change(tags, outcome), stage, rules, fate)
        self.world.settle()

    @rule(who=a_number, tags=some_tags)
    def change_in_one_go(self, who: int, tags: tuple[str, ...]) -> None:
        _of(self.nodes, who).change(tags)
        self.world.settle()

    @rule(who=a_number, where=st.sampled_from(HOLDING), rules=a_while, fate=a_fate)
    def hold_up(self, who: int, where: tuple[str, str], rules: int, fate: Fate) -> None:
        process = _of(self.readers, who).process
        for actor in self.world.actors:
            if actor.process is process and actor.name == where[0]:
                self._hold(actor, where[1], rules, fate)

    @rule(who=a_number, rules=a_while)
    def pause(self, who: int, rules: int) -> None:
        process = _of(self.nodes, who).process
        process.is_paused = True
        self._later(rules, lambda: setattr(process, "is_paused", False))

    @rule(seconds=st.sampled_from(SECONDS))
    def let_time_pass(self, seconds: float) -> None:
        self.world.let_pass(seconds)

    @rule(who=a_number, harm=st.sampled_from(HARM), rules=a_while)
    def harm(self, who: int, harm: str, rules: int) -> None:
        getattr(self, f"_{harm}")(who, rules)
        self.world.settle()

    @invariant()
    def what_was_begun_ends(self) -> None:
        due = [end for rules, end in self.to_end if rules == 0]
        self.to_end = [(rules - 1, end) for rules, end in self.to_end if rules > 0]
        for end in due:
            end()
            self.world.settle()

    def teardown(self) -> None:
        try:
            self._repair()
            self.world.let_pass(REPAIRED_SECONDS)
            assert not self._changes()
            assert all(node.coherence.holds_lease for node in self.readers)
        finally:
            self.world.end()

    def _everyone_reads(self) -> None:
        for reader in self.readers:
            waiting = [one.name for one in self.world.actors if one.process is reader.process]
            for kind, name in self.names[:2] + self.names[2:][-2:]:
                if waiting.count(f"read-{kind}-{name}") < 3:
                    self.world.finish(reader.read(kind, name))

    def _reader(self, clock_rate: float) -> Node:
        node = self._node("reader", clock_rate)
        node.start()
        return node

    def _node(self, name: str, clock_rate: float) -> Node:
        return Node(self.world, self.truth, name, parts=self.parts, clock_rate=clock_rate)

    def _kill_a_writer(self, who: int, _rules: int) -> None:
        if changes := self._changes():
            _of(changes, who).is_killed = True

    def _replace_a_reader(self, who: int, _rules: int) -> None:
        which = who % len(self.readers)
        self.readers[which].die()
        self.readers[which] = self.nodes[which] = self._reader((SLOW, FAST)[which])

    def _cut_redis_off(self, who: int, rules: int) -> None:
        self._cut(_of(self.nodes, who).process.redis, rules)

    def _cut_mongodb_off(self, who: int, rules: int) -> None:
        self._cut(_of(self.nodes, who).process.mongodb, rules)

    def _cut(self, link: Link, rules: int) -> None:
        link.is_cut = True
        self._later(rules, lambda: setattr(link, "is_cut", False))

    def _silence(self, who: int, _rules: int) -> None:
        for inbox in self.world.redis.inboxes_of(_of(self.readers, who).holder.process):
            inbox.is_silent = True

    def _interrupt(self, who: int, _rules: int) -> None:
        for inbox in self.world.redis.inboxes_of(_of(self.readers, who).holder.process):
            inbox.is_silent = inbox.is_broken = True

    def _flush_redis(self, _who: int, _rules: int) -> None:
        self.world.redis.flush()

    def _restart_redis(self, who: int, _rules: int) -> None:
        redis = self.world.redis
        now, self.saved, saved = redis.snapshot(), redis.snapshot(), self.saved
        redis.restart((None, now, saved)[who % 3])

    def _later(self, rules: int, end: Callable[[], object]) -> None:
        self.to_end.append((rules, end))

    def _hold(self, actor: Actor, stage: str | None, rules: int, fate: Fate) -> None:
        """Hold a thread where it next comes to ``stage``; let it go on some rules later."""

        def go_on() -> None:
            actor.stops_at = None
            if actor.is_held:
                actor.is_held = False
                if actor.can_run:
                    self.world.step(actor, fate)

        actor.stops_at = stage
        self._later(rules, go_on)

    def _changes(self) -> list[Actor]:
        return [
            one
            for one in self.world.actors
            if one.name == "change" and not (one.dead or one.is_killed)
        ]

    def _repair(self) -> None:
        self.world.when_quiet = lambda: None
        for _rules, end in self.to_end:
            end()
        while self.world.late:
            self.world.deliver_late(0)


def _of(things: Sequence[T], number: int) -> T:
    return things[number % len(things)]


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    # How fast it is says more of the machine than of the code.
    suppress_health_check=[HealthCheck.too_slow],
)

EASY_TO_FIND = (
    faulty.LooksOnlyAtFencesThatAreUp,
    faulty.RenewsUnasked,
    faulty.OpensAtOnce,
    faulty.JoinsAnyLoad,
)


@pytest.mark.parametrize("part", EASY_TO_FIND)
def test_the_search_finds_what_it_is_not_told_about(part: type) -> None:
    class Faulty(Interleavings):
        parts = Parts.with_one(part)

        def teardown(self) -> None:
            self.world.end()

    search = settings(
        TestInterleavings.settings, max_examples=2000, database=None, phases=[Phase.generate]
    )
    with pytest.raises(Stale):
        run_state_machine_as_test(Faulty, settings=search)
