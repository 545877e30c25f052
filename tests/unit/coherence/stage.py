"""The simulation, with verbs for scenarios."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from tests.unit.coherence.nodes import Node, Parts, Truth
from tests.unit.coherence.simulation import Actor, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLOW, FAST = 0.98, 1.02
A_MOMENT = 0.01
_LONGEST_SECONDS = 20


class Stage:
    """Processes, and what happens to them, in the order in which the scenario tells it."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.world = World()
        self.truth = Truth()

    @classmethod
    @contextmanager
    def set_up(cls, parts: Parts | None = None) -> Iterator[Self]:
        stage = cls(parts or Parts())
        try:
            yield stage
        finally:
            stage.world.end()

    def writer(self, clock_rate: float = 1.0) -> Node:
        return Node(self.world, self.truth, "writer", parts=self.parts, clock_rate=clock_rate)

    def reader(self, clock_rate: float = 1.0) -> Node:
        """Return a process that holds a lease."""
        node = Node(self.world, self.truth, "reader", parts=self.parts, clock_rate=clock_rate)
        node.start()
        self.world.let_pass(A_MOMENT)
        return node

    def begin(self, actor: Actor, stage: str) -> Actor:
        """Let a request or change go on until it comes to ``stage``, and stop it there."""
        actor.stops_at = stage
        self._wait_until(lambda: actor.is_held)
        return actor

    def go_on(self, actor: Actor) -> None:
        """Let what was stopped come to its end."""
        actor.is_held = False
        self._wait_until(lambda: actor.dead)

    def change(self, writer: Node, *tags: str) -> None:
        """Make a change; return at the moment at which it is acknowledged."""
        self.go_on(writer.change(tags))

    def read(self, reader: Node, kind: str = "simple") -> None:
        """Make a request before anything else happens, and judge its answer."""
        self.world.finish(reader.read(kind))

    def thread(self, node: Node, name: str) -> Actor:
        return next(
            one for one in self.world.actors if one.process is node.process and one.name == name
        )

    def silence(self, node: Node) -> None:
        for inbox in self.world.redis.inboxes_of(node.holder.process):
            inbox.is_silent = True

    def miss_messages_for_a_moment(self, node: Node) -> None:
        for inbox in self.world.redis.inboxes_of(node.holder.process):
            inbox.is_silent = inbox.is_broken = True

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        ends = self.world.now + _LONGEST_SECONDS
        while not condition():
            assert self.world.now < ends, "it never comes to this"
            self.world.let_pass(A_MOMENT)
