"""Several processes, their network and their clocks, one step at a time.

Every process runs the real code in greenlets. Whatever leaves a process (a step in Redis or
MongoDB, a wait) hands control back here, once before it happens and once before its answer
arrives, and goes on only when it is told to, and how. So a test decides on every order of
events, on each loss, and on how much time passes in between.
"""

from __future__ import annotations

import enum
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from app.coherence.bus import BusError
from app.coherence.clock import Clock, Timings
from app.errors import Unavailable
from tests.unit.coherence.model import ModelCharterStore, ModelRedis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.coherence.bus import Message
    from tests.unit.coherence.model import ModelInbox

T = TypeVar("T")

TIMINGS = Timings()
_ENDLESS_STEPS = 2_000
_SHORTEST_WAIT = 1e-6


class Fate(enum.Enum):
    """What becomes of a request or of its answer."""

    ARRIVES = "arrives"
    IS_LOST = "is lost"
    IS_LATE = "is late"


class Actor(greenlet):
    """One thread of one process, and where it stands."""

    def __init__(self, process: Process, name: str, work: Callable[[], None]) -> None:
        super().__init__(lambda _fate: work())
        self.process = process
        self.name = name
        self.stage = "start"
        self.condition: Callable[[], bool] = lambda: True
        self.wakes_at: float | None = None
        self.is_held = False
        self.stops_at: str | None = None
        self.is_killed = False
        self.asked_at: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"{self.process.name}/{self.name}@{self.stage}"

    def come_to(self, stage: str) -> None:
        """Note where it stands, and stop if that is where it is to stop."""
        self.stage = stage
        if stage == self.stops_at:
            self.is_held, self.stops_at = True, None

    @property
    def can_run(self) -> bool:
        """Whether a step of it could happen now."""
        if self.dead or self.is_killed or self.is_held or self.process.is_paused:
            return False
        world = self.process.world
        return self.condition() or (self.wakes_at is not None and world.now >= self.wakes_at)


class Process:
    """One process: a clock of its own and its ways to the servers."""

    def __init__(self, world: World, name: str, clock_rate: float) -> None:
        self.world = world
        self.name = name
        self.clock = ProcessClock(world, clock_rate)
        self.redis = Link(world, f"{name}-redis", BusError)
        self.mongodb = Link(world, f"{name}-mongodb", Unavailable)
        self.charters = Distant(world.charters, self.mongodb)
        self.is_paused = False


class ProcessClock(Clock):
    """A clock that runs at its own rate from its own beginning."""

    def __init__(self, world: World, rate: float) -> None:
        self._world = world
        self._rate = rate
        self.now = self._now  # type: ignore[method-assign]  # the real one is no method either

    def _now(self) -> float:
        return 1000.0 + self._world.now * self._rate

    def sleep(self, seconds: float) -> None:
        self.wait_for(lambda: False, seconds)

    def wait(self, event: Event, seconds: float | None = None) -> bool:
        self.wait_for(event.is_set, seconds)
        return event.is_set()

    def wait_for(self, condition: Callable[[], bool], seconds: float | None) -> bool:
        self._world.wait(condition, None if seconds is None else seconds / self._rate)
        return condition()


class Link:
    """The way from one process to one server."""

    def __init__(self, world: World, name: str, error: type[Exception]) -> None:
        self._world = world
        self._name = name
        self._error = error
        self.is_cut = False

    def ask(self, what: str, step: Callable[[], T]) -> T:
        """Take a step in the server, if the request arrives, and return the answer, if it does."""
        actor = self._world.current()
        actor.asked_at[what] = self._world.now
        fate = self._world.pause(f"{what}?")
        if fate is Fate.IS_LATE:
            self._world.late.append(step)
        if self.is_cut or fate is not Fate.ARRIVES:
            raise self._error(f"{self._name}: {what} did not arrive")
        answer = step()
        fate = self._world.pause(f"{what}!")
        if self.is_cut or fate is not Fate.ARRIVES:
            raise self._error(f"{self._name}: no answer to {what}")
        return answer


class Distant:
    """An object whose every method is called over a link."""

    def __init__(self, target: Any, link: Link) -> None:
        self._target = target
        self._link = link

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)
        return lambda *args: self._link.ask(name, lambda: method(*args))


class DistantBus(Distant):
    """A bus over a link; messages come over it as well."""

    def listen(self, process: str) -> AbstractContextManager[DistantInbox]:
        return self._open("listen", self._target.listen(process))

    def open_inbox(self) -> AbstractContextManager[DistantInbox]:
        return self._open("open_inbox", self._target.open_inbox())

    @contextmanager
    def _open(
        self, what: str, opening: AbstractContextManager[ModelInbox]
    ) -> Iterator[DistantInbox]:
        with ExitStack() as stack:
            inbox = self._link.ask(what, lambda: stack.enter_context(opening))
            yield DistantInbox(inbox, self._link)


class DistantInbox:
    """An inbox over a link."""

    def __init__(self, inbox: ModelInbox, link: Link) -> None:
        self._inbox = inbox
        self._link = link
        self.name = inbox.name

    def receive(self, seconds: float) -> Message | None:
        message = self._inbox.receive(seconds)
        if self._link.is_cut:
            raise BusError("cut")
        return message


class World:
    """All there is: true time, the servers, the processes' threads, what is on its way."""

    def __init__(self) -> None:
        self.now = 0.0
        self.redis = ModelRedis(lambda: self.now, TIMINGS.fence)
        self.charters = ModelCharterStore()
        self.actors: list[Actor] = []
        self.late: list[Callable[[], object]] = []
        self.when_quiet: Callable[[], object] = lambda: None
        self._hub = getcurrent()
        self._is_over = False

    def spawn(self, process: Process, name: str, work: Callable[[], None]) -> Actor:
        """Start a thread; it does nothing before its first step."""
        actor = Actor(process, name, work)
        self.actors.append(actor)
        return actor

    def runnable(self) -> list[Actor]:
        """Return the threads of which a step could happen now."""
        self.actors = [one for one in self.actors if not one.dead]
        return [one for one in self.actors if one.can_run]

    def step(self, actor: Actor, fate: Fate = Fate.ARRIVES) -> None:
        """Let a thread go on to the next point where something leaves or reaches its process."""
        actor.condition, actor.wakes_at = (lambda: True), None
        actor.switch(fate)

    def settle(self) -> None:
        """Let everything happen that can happen without time passing."""
        for _ in range(_ENDLESS_STEPS):
            runnable = self.runnable()
            if not runnable:
                self.when_quiet()
                return
            for actor in runnable:
                if actor.can_run:
                    self.step(actor)
        raise AssertionError(f"never quiet: {self.actors}")

    def let_pass(self, seconds: float) -> None:
        """Let time pass, and everything happen meanwhile that is not held up."""
        end = self.now + seconds
        self.settle()
        while self.now < end:
            wakes = [one.wakes_at for one in self.actors if one.wakes_at is not None]
            self.now = min([end, *(at for at in wakes if at > self.now)])
            self.settle()

    def finish(self, actor: Actor) -> None:
        """Let one thread go on alone for as long as it can."""
        while actor.can_run:
            self.step(actor)

    def deliver_late(self, which: int) -> None:
        """Take a step whose sender has long given up."""
        with suppress(BusError):
            self.late.pop(which)()

    def pause(self, stage: str) -> Fate:
        """Called by a thread: hand over control; return the fate of what comes next."""
        self.current().come_to(stage)
        return self._switch()

    def wait(self, condition: Callable[[], bool], seconds: float | None) -> None:
        """Called by a thread: hand over control until a condition holds or time has passed."""
        actor = self.current()
        actor.come_to("waiting")
        actor.condition = condition
        actor.wakes_at = None if seconds is None else self.now + max(seconds, _SHORTEST_WAIT)
        self._switch()

    def current(self) -> Actor:
        """Return the thread that calls."""
        actor = getcurrent()
        assert isinstance(actor, Actor)
        return actor

    def end(self) -> None:
        """Stop every thread where it stands."""
        self._is_over = True
        for actor in self.actors:
            if not actor.dead:
                actor.throw(GreenletExit)

    def _switch(self) -> Fate:
        if self._is_over:
            raise GreenletExit
        fate = self._hub.switch()
        assert isinstance(fate, Fate)
        return fate
