"""What the rest of the registry sees of coherence."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from app.coherence.charter import CharterKeeper
from app.coherence.clock import Clock, Timings
from app.coherence.coherence import Coherence
from app.coherence.fences import Fence
from app.coherence.holder import Holder
from app.coherence.memory import Memory
from app.coherence.writer import Writer
from app.errors import NotFound
from tests.unit.coherence.model import ModelBus, ModelCharterStore, ModelRedis

if TYPE_CHECKING:
    from collections.abc import Callable

TIMINGS = Timings()
FENCE = Fence("f", frozenset({"a"}))


class HandClock(Clock):
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at_seconds = 1000.0
        self.now = lambda: self.at_seconds  # type: ignore[method-assign]

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        self.at_seconds += 0 if condition() else seconds
        return condition()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def memory(clock: HandClock) -> Memory:
    return Memory(100_000, clock, TIMINGS)


@pytest.fixture
def coherence(clock: HandClock, memory: Memory) -> Coherence:
    """Coherence of a process that holds a lease."""
    bus = ModelBus(ModelRedis(clock.now, TIMINGS.fence), clock)
    charters = CharterKeeper(ModelCharterStore(), bus, clock, TIMINGS)
    holder = Holder(bus, charters, memory, clock, TIMINGS)
    memory.begin_era((), math.inf)
    return Coherence(memory, holder, Writer(bus, charters, clock, TIMINGS), clock, TIMINGS)


class Source:
    """A load that counts how often it ran."""

    def __init__(self, coherence: Coherence, *tags: str, value: object = "value") -> None:
        self._coherence = coherence
        self._tags = tags
        self._value = value
        self.loads = 0

    def __call__(self) -> object:
        self._coherence.depends_on(*self._tags)
        self.loads += 1
        return self._value


def test_a_value_is_made_once_and_then_remembered(coherence: Coherence) -> None:
    source = Source(coherence, "a")
    assert [coherence.cached("k", source) for _ in range(3)] == ["value"] * 3
    assert (source.loads, coherence.hits, coherence.misses) == (1, 2, 1)


def test_that_there_is_nothing_is_remembered_too(coherence: Coherence) -> None:
    source = Source(coherence, "a", value=None)
    assert [coherence.cached("k", source) for _ in range(2)] == [None, None]
    assert source.loads == 1


def test_without_a_lease_every_value_is_made_anew(coherence: Coherence, memory: Memory) -> None:
    memory.end_era()
    source = Source(coherence, "a")
    for _ in range(2):
        coherence.cached("k", source)
    with coherence.recording() as recording:
        coherence.cached("k", source)
    assert not coherence.keep("answer", b"", recording, 1)
    assert coherence.peek("k") is None
    assert source.loads == 3
    assert not coherence.holds_lease


def test_a_fence_ends_what_depends_on_its_tags_and_nothing_else(
    coherence: Coherence, memory: Memory
) -> None:
    fenced, other = Source(coherence, "a", "b"), Source(coherence, "b")
    for _ in range(2):
        coherence.cached("fenced", fenced)
        coherence.cached("other", other)
        memory.put_up(FENCE)
    assert (fenced.loads, other.loads, coherence.drops) == (2, 1, 1)
    coherence.cached("fenced", fenced)
    memory.lift(FENCE.id)
    coherence.cached("fenced", fenced)
    coherence.cached("fenced", fenced)
    assert fenced.loads == 4


@pytest.mark.parametrize("is_inner_remembered", [False, True])
def test_an_outer_value_depends_on_what_its_inner_values_depend_on(
    coherence: Coherence,
    memory: Memory,
    is_inner_remembered: bool,  # noqa: FBT001
) -> None:
    inner = Source(coherence, "a")
    if is_inner_remembered:
        coherence.cached("inner", inner)

    def outer() -> object:
        coherence.depends_on("z")
        return coherence.cached("inner", inner)

    coherence.cached("outer", outer)
    assert coherence.peek("outer") == "value"
    memory.put_up(FENCE)
    assert coherence.peek("outer") is None


def test_nothing_is_used_after_its_time(coherence: Coherence, clock: HandClock) -> None:
    def inner() -> str:
        coherence.depends_on("a")
        coherence.expires_at(datetime.now(UTC) + timedelta(seconds=5))
        return "value"

    coherence.cached("outer", lambda: coherence.cached("inner", inner))
    clock.at_seconds += 4
    assert coherence.peek("inner") == coherence.peek("outer") == "value"
    clock.at_seconds += 1
    assert coherence.peek("inner") is coherence.peek("outer") is None


def test_what_is_over_already_is_not_remembered(coherence: Coherence) -> None:
    def load() -> str:
        coherence.depends_on("a")
        coherence.expires_at(datetime.now(UTC))
        return "value"

    assert coherence.cached("k", load) == "value"
    assert coherence.peek("k") is None


def test_nothing_becomes_older_than_the_greatest_age_by_being_part_of_another(
    coherence: Coherence, clock: HandClock
) -> None:
    source = Source(coherence, "a")
    coherence.cached("inner", source)
    clock.at_seconds += TIMINGS.entry - 1
    coherence.cached("outer", lambda: coherence.cached("inner", source))
    assert coherence.peek("outer") == "value"
    clock.at_seconds += 1
    assert coherence.peek("outer") is None


def test_an_answer_is_kept_with_all_it_was_made_of(coherence: Coherence, memory: Memory) -> None:
    with coherence.recording() as recording:
        coherence.cached("k", Source(coherence, "a"))
    assert coherence.keep("answer", b"bytes", recording, 5)
    assert coherence.peek("answer") == b"bytes"
    memory.put_up(FENCE)
    assert coherence.peek("answer") is None
    assert not coherence.keep("answer", b"bytes", recording, 5)


def test_a_value_that_depends_on_nothing_is_not_kept(coherence: Coherence) -> None:
    source = Source(coherence)
    for _ in range(2):
        coherence.cached("k", source)
    assert source.loads == 2


def test_naming_what_one_reads_does_no_harm_outside_of_a_load(coherence: Coherence) -> None:
    coherence.depends_on("a")
    coherence.expires_at(datetime.now(UTC))


def test_nothing_is_remembered_of_what_a_change_reads(coherence: Coherence) -> None:
    source = Source(coherence, "b")
    assert coherence.change({"a"}, lambda: coherence.cached("k", source)) == "value"
    assert coherence.peek("k") is None
    coherence.cached("k", source)
    assert coherence.peek("k") == "value"


def test_a_change_inside_a_change_is_a_mistake(coherence: Coherence) -> None:
    with pytest.raises(RuntimeError):
        coherence.change({"a"}, lambda: coherence.change({"b"}, lambda: None))
    assert coherence.change({"a"}, lambda: "made") == "made"


def test_values_count_with_their_size(coherence: Coherence) -> None:
    for number in range(100):
        coherence.cached(number, Source(coherence, "a", value=b"x"), size_bytes=lambda _: 5_000)
    assert 50_000 < coherence.size_bytes <= 100_000
    assert coherence.peek(0) is None
    assert coherence.peek(99) == b"x"


def test_a_failure_is_the_callers_and_is_not_remembered(coherence: Coherence) -> None:
    def load() -> str:
        coherence.depends_on("a")
        raise NotFound

    with pytest.raises(NotFound):
        coherence.cached("k", load)
    assert coherence.cached("k", Source(coherence, "a")) == "value"


class Crowd:
    """Threads that ask for one value at the same time."""

    def __init__(self, coherence: Coherence, *, fails_first: bool = False) -> None:
        self._coherence = coherence
        self._fails_first = fails_first
        self._may_end = threading.Event()
        self._has_begun = threading.Event()
        self._lock = threading.Lock()
        self.loads = 0
        self.answers: list[object] = []

    def ask(self, number: int) -> None:
        first, *others = (threading.Thread(target=self._ask) for _ in range(number))
        first.start()
        assert self._has_begun.wait(10)
        for thread in others:
            thread.start()
        while self._coherence.misses < number:
            threading.Event().wait(0.001)
        self._may_end.set()
        for thread in (first, *others):
            thread.join(10)

    def _ask(self) -> None:
        try:
            self.answers.append(self._coherence.cached("k", self._load))
        except NotFound:
            self.answers.append("failed")

    def _load(self) -> str:
        self._coherence.depends_on("a")
        with self._lock:
            self.loads += 1
            is_first = self.loads == 1
        self._has_begun.set()
        assert self._may_end.wait(10)
        if self._fails_first and is_first:
            raise NotFound
        return "value"


def test_those_who_ask_at_the_same_time_share_one_load(coherence: Coherence) -> None:
    crowd = Crowd(coherence)
    crowd.ask(8)
    assert crowd.answers == ["value"] * 8
    assert crowd.loads < 8


def test_those_who_waited_for_a_load_that_failed_load_themselves(coherence: Coherence) -> None:
    crowd = Crowd(coherence, fails_first=True)
    crowd.ask(4)
    assert sorted(map(str, crowd.answers)) == ["failed", "value", "value", "value"]
