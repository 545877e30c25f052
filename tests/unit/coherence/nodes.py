"""Processes of the registry in the simulation: readers, writers, and what is true."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, fields
from threading import Event
from typing import TYPE_CHECKING, cast

from app.coherence.bus import BusError
from app.coherence.charter import CharterKeeper
from app.coherence.coherence import Coherence
from app.coherence.holder import Holder
from app.coherence.memory import Memory
from app.coherence.writer import Writer
from app.errors import Conflict, Unavailable
from tests.unit.coherence.model import ModelBus
from tests.unit.coherence.simulation import TIMINGS, Actor, DistantBus, Process, World

if TYPE_CHECKING:
    from collections.abc import Collection

TAGS = ("a", "b")
_LISTEN_AGAIN_SECONDS = 0.1
_SURELY_GUARDED_SECONDS = 7.0
"""A guard holds for 9.5 s from a sighting of the charter that may have been 2 s old."""


class Stale(AssertionError):
    """A request was answered with what was before a change it had to see."""


@dataclass(frozen=True)
class Parts:
    """The classes a process is made of, so that one can be replaced by a faulty one."""

    memory: type[Memory] = Memory
    charters: type[CharterKeeper] = CharterKeeper
    holder: type[Holder] = Holder
    writer: type[Writer] = Writer
    coherence: type[Coherence] = Coherence
    bus: type[ModelBus] = ModelBus

    @classmethod
    def with_one(cls, part: type) -> Parts:
        """Return the real parts but for one, which takes the place of what it derives from."""
        return cls(**{one.name: part for one in fields(cls) if issubclass(part, one.default)})


@dataclass
class Truth:
    """The database, and the least that a request may be answered with from now on.

    A change that was acknowledged must be seen. So must one that was committed while its
    guard held, acknowledged or not: its writer may have died a moment later.
    """

    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TAGS, 0))
    floor: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TAGS, 0))

    def commit(self, tags: Collection[str], *, is_guarded: bool) -> dict[str, int]:
        made = {tag: self.versions[tag] + 1 for tag in tags}
        self.versions.update(made)
        if is_guarded:
            self.must_be_seen(made)
        return made

    def must_be_seen(self, made: dict[str, int]) -> None:
        self.floor.update({tag: max(self.floor[tag], version) for tag, version in made.items()})


class Node:
    """One process with its coherence."""

    def __init__(
        self,
        world: World,
        truth: Truth,
        name: str,
        *,
        parts: Parts | None = None,
        clock_rate: float = 1.0,
    ) -> None:
        parts = parts or Parts()
        self.world = world
        self.truth = truth
        self.process = Process(world, name, clock_rate)
        clock = self.process.clock
        bus = DistantBus(parts.bus(world.redis, clock), self.process.redis)
        charters = parts.charters(self.process.charters, bus, clock, TIMINGS)
        self.memory = parts.memory(1_000_000, clock, TIMINGS)
        self.holder = parts.holder(bus, charters, self.memory, clock, TIMINGS)
        self.writer = parts.writer(bus, charters, clock, TIMINGS)
        self.coherence = parts.coherence(self.memory, self.holder, self.writer, clock, TIMINGS)
        self.is_dead = False

    def start(self) -> None:
        """Begin to listen and to renew, as ``Coherence.start`` does with threads."""
        self.world.spawn(self.process, "listener", self._listen)
        self.world.spawn(self.process, "renewer", self._renew)

    def die(self) -> None:
        """End the process where it stands."""
        self.is_dead = True
        for actor in self.world.actors:
            if actor.process is self.process:
                actor.is_killed = True

    def read(self, kind: str, name: str = "") -> Actor:
        """Begin a request; it fails the test if its answer is too old.

        Args:
            kind: ``simple`` is one value, ``nested`` one made of two, ``answer`` one kept
                by hand with what it was made of.
            name: requests of the same name ask for the same values.
        """
        expected = dict(self.truth.floor)
        make = {
            "simple": self._read_simple,
            "nested": self._read_nested,
            "answer": self._read_answer,
        }[kind]

        def work() -> None:
            try:
                found = make(name)
            except Unavailable:
                return
            for tag, version in found.items():
                if version < expected[tag]:
                    raise Stale(f"{self.process.name} {kind}: {found}, not {expected}")

        return self.world.spawn(self.process, f"read-{kind}-{name}", work)

    def change(self, tags: Collection[str], outcome: str = "made") -> Actor:
        """Begin a change; ``outcome`` is ``made``, ``refused``, or ``half`` (both)."""

        def apply() -> dict[str, int]:
            asked_at = max(actor.asked_at.get("put_up", 0), actor.asked_at.get("close", 0))
            is_guarded = self.world.now - asked_at < _SURELY_GUARDED_SECONDS
            return self.truth.commit(tags, is_guarded=is_guarded)

        def commit() -> dict[str, int]:
            made = {} if outcome == "refused" else self.process.mongodb.ask("commit", apply)
            if outcome != "made":
                raise Conflict("no")
            return made

        def work() -> None:
            with suppress(Unavailable, Conflict):
                self.truth.must_be_seen(self.coherence.change(tags, commit))

        actor = self.world.spawn(self.process, "change", work)
        return actor

    def _read_simple(self, name: str) -> dict[str, int]:
        return self._cached("a", name)

    def _read_nested(self, name: str) -> dict[str, int]:
        def load() -> dict[str, int]:
            return self._cached("a", name) | self._cached("b", name)

        return self.coherence.cached(("both", name), load)

    def _read_answer(self, name: str) -> dict[str, int]:
        found = self.coherence.peek(("answer", name))
        if found is not None:
            return cast("dict[str, int]", found)
        with self.coherence.recording() as recording:
            answer = self._cached("a", name) | self._cached("b", name)
        self.coherence.keep(("answer", name), answer, recording, 100)
        return answer

    def _cached(self, tag: str, name: str) -> dict[str, int]:
        def load() -> dict[str, int]:
            self.coherence.depends_on(tag)
            return self.process.mongodb.ask("read", lambda: {tag: self.truth.versions[tag]})

        return self.coherence.cached((tag, name), load)

    def _listen(self) -> None:
        while True:
            with suppress(BusError):
                self.holder.listen(Event())
            self.process.clock.sleep(_LISTEN_AGAIN_SECONDS)

    def _renew(self) -> None:
        self.process.clock.wait(self.holder.is_listening, TIMINGS.renew)
        while True:
            with suppress(BusError, Unavailable):
                self.holder.tick()
            self.process.clock.sleep(TIMINGS.renew)
