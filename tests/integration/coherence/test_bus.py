"""One contract for the bus, kept by Redis and by the model that the simulation uses."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest
from redis import Redis

from app.coherence.bus import (
    Acknowledged,
    Bus,
    BusError,
    Called,
    FenceLifted,
    FencePutUp,
    Inbox,
    Unseated,
)
from app.coherence.fences import Fence
from app.coherence.redis_bus import RedisBus
from app.standalone.process import running
from app.standalone.servers import RedisServer
from tests.unit.coherence.model import ModelBus, ModelRedis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS = 10.0
FENCE = Fence("f1", frozenset({"package:npm/left-pad", "a tag with spaces"}))
OTHER_FENCE = Fence("f2", frozenset({"b"}))


class Connect(Protocol):
    """Returns the bus of one more process on the same server."""

    def __call__(self, *, fence_seconds: float = SECONDS) -> Bus: ...


class _NobodyElse:
    """In the model whatever is not there yet will not come while one waits."""

    now = staticmethod(time.monotonic)

    def wait_for(self, condition: Callable[[], bool], _seconds: float) -> bool:
        return condition()


@pytest.fixture(params=["model", "redis"])
def connect(request: pytest.FixtureRequest) -> Connect:
    if request.param == "model":
        model = ModelRedis(time.monotonic, SECONDS)

        def connect_model(*, fence_seconds: float = SECONDS) -> Bus:
            model.fence_seconds = fence_seconds
            return ModelBus(model, _NobodyElse())

        return connect_model
    redis: Redis = request.getfixturevalue("redis")
    prefix: str = request.getfixturevalue("redis_prefix")
    return lambda *, fence_seconds=SECONDS: RedisBus(redis, prefix, fence_seconds=fence_seconds)


@pytest.fixture
def bus(connect: Connect) -> Bus:
    return connect()


@pytest.fixture
def seat(bus: Bus) -> str:
    seat = bus.new_seat()
    bus.seat(seat)
    return seat


@pytest.fixture
def ears() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_process_has_the_lease_it_took_last(bus: Bus, seat: str) -> None:
    bus.take(seat, "p", "lease-1")
    assert bus.renew(seat, "p", "lease-1")
    bus.take(seat, "p", "lease-2")
    assert not bus.renew(seat, "p", "lease-1")
    assert bus.renew(seat, "p", "lease-2")
    assert not bus.renew(seat, "q", "lease-2")


def test_a_fence_is_answered_with_who_is_registered(bus: Bus, seat: str) -> None:
    assert bus.put_up(seat, FENCE, "inbox") == set()
    bus.take(seat, "p", "lease")
    bus.take(seat, "q", "lease")
    assert bus.put_up(seat, OTHER_FENCE, "inbox") == {"p", "q"}
    bus.release(seat, "p", "an earlier lease")
    bus.release(seat, "q", "lease")
    assert bus.put_up(seat, Fence("f3", frozenset()), "inbox") == {"p"}


def test_who_takes_a_lease_learns_which_fences_are_up(bus: Bus, seat: str) -> None:
    assert list(bus.take(seat, "p", "lease-1")) == []
    bus.put_up(seat, FENCE, "inbox")
    bus.put_up(seat, OTHER_FENCE, "inbox")
    assert {*bus.take(seat, "p", "lease-2")} == {FENCE, OTHER_FENCE}
    bus.lift(seat, FENCE.id)
    assert list(bus.take(seat, "p", "lease-3")) == [OTHER_FENCE]


def test_a_fence_is_lifted_once(bus: Bus, seat: str) -> None:
    bus.put_up(seat, FENCE, "inbox")
    assert bus.lift(seat, FENCE.id)
    assert not bus.lift(seat, FENCE.id)


def test_a_fence_that_ran_out_is_gone_and_its_writer_is_told(connect: Connect) -> None:
    bus = connect(fence_seconds=0.02)
    seat = bus.new_seat()
    bus.seat(seat)
    bus.put_up(seat, FENCE, "inbox")
    while bus.take(seat, "p", "lease"):
        pass
    assert not bus.lift(seat, FENCE.id)


def test_a_revoked_process_is_not_gone_until_it_is_struck(bus: Bus, seat: str) -> None:
    bus.take(seat, "p", "lease")
    bus.revoke(seat, "f1", {"p"})
    assert not bus.renew(seat, "p", "lease")
    assert bus.put_up(seat, FENCE, "inbox") == {"p"}
    bus.strike(seat, "f1", {"p"})
    assert bus.put_up(seat, OTHER_FENCE, "inbox") == set()


def test_only_who_revoked_last_strikes(bus: Bus, seat: str) -> None:
    bus.take(seat, "p", "lease")
    bus.revoke(seat, "f1", {"p"})
    bus.revoke(seat, "f2", {"p"})
    bus.strike(seat, "f1", {"p"})
    assert bus.put_up(seat, FENCE, "inbox") == {"p"}
    bus.strike(seat, "f2", {"p"})
    assert bus.put_up(seat, OTHER_FENCE, "inbox") == set()


def test_who_took_a_new_lease_is_not_struck(bus: Bus, seat: str) -> None:
    bus.take(seat, "p", "lease-1")
    bus.revoke(seat, "f1", {"p"})
    bus.take(seat, "p", "lease-2")
    bus.strike(seat, "f1", {"p"})
    assert bus.renew(seat, "p", "lease-2")


def test_revoking_registers_nobody(bus: Bus, seat: str) -> None:
    bus.revoke(seat, "f1", {"p"})
    assert bus.put_up(seat, FENCE, "inbox") == set()


def test_fences_are_heard_in_order_by_all_who_listen(bus: Bus, seat: str, ears: ExitStack) -> None:
    listening = [ears.enter_context(bus.listen(process)) for process in ("p", "q")]
    bus.put_up(seat, FENCE, "inbox")
    bus.call(seat, "q", 7)
    bus.lift(seat, FENCE.id)
    p, q = (_all_of(inbox) for inbox in listening)
    assert p == [FencePutUp(FENCE, "inbox"), FenceLifted(FENCE.id)]
    assert q == [FencePutUp(FENCE, "inbox"), Called(7), FenceLifted(FENCE.id)]


def test_acknowledgements_come_to_the_writers_inbox_alone(bus: Bus, ears: ExitStack) -> None:
    one, other = (ears.enter_context(bus.open_inbox()) for _ in range(2))
    listening = ears.enter_context(bus.listen("p"))
    bus.acknowledge(one.name, "f1", "p")
    bus.acknowledge(one.name, "f1", "q")
    assert _all_of(one) == [Acknowledged("f1", "p"), Acknowledged("f1", "q")]
    assert _all_of(other) == []
    assert _all_of(listening) == []


def test_an_empty_inbox_is_no_error(bus: Bus, ears: ExitStack) -> None:
    assert ears.enter_context(bus.open_inbox()).receive(0.01) is None


STEPS: dict[str, Callable[[Bus, str], object]] = {
    "call": lambda bus, seat: bus.call(seat, "p", 1),
    "take": lambda bus, seat: bus.take(seat, "p", "lease"),
    "renew": lambda bus, seat: bus.renew(seat, "p", "lease"),
    "release": lambda bus, seat: bus.release(seat, "p", "lease"),
    "put_up": lambda bus, seat: bus.put_up(seat, FENCE, "inbox"),
    "revoke": lambda bus, seat: bus.revoke(seat, "f1", {"p"}),
    "strike": lambda bus, seat: bus.strike(seat, "f1", {"p"}),
    "lift": lambda bus, seat: bus.lift(seat, FENCE.id),
}


@pytest.mark.parametrize("step", STEPS)
def test_every_step_is_refused_where_it_was_not_meant_for(bus: Bus, step: str) -> None:
    seat = bus.new_seat()
    with pytest.raises(Unseated):
        STEPS[step](bus, seat)
    bus.seat(bus.new_seat())
    with pytest.raises(Unseated):
        STEPS[step](bus, seat)
    of_another_server = "0" * 40 + seat[40:]
    bus.seat(of_another_server)
    with pytest.raises(Unseated):
        STEPS[step](bus, of_another_server)


def test_a_new_seat_has_an_empty_register_and_keeps_the_fences(bus: Bus, seat: str) -> None:
    bus.take(seat, "p", "lease")
    bus.put_up(seat, FENCE, "inbox")
    new_seat = bus.new_seat()
    bus.seat(new_seat)
    assert bus.put_up(new_seat, OTHER_FENCE, "inbox") == set()
    assert FENCE in bus.take(new_seat, "q", "lease")


def test_no_two_seats_have_one_name(bus: Bus) -> None:
    assert bus.new_seat() != bus.new_seat()


def test_a_restarted_redis_is_another_one_though_it_has_the_data(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", tmp_path / "redis.log")
    with running(server.part()):
        bus = _private_bus(server)
        seat = bus.new_seat()
        bus.seat(seat)
        bus.take(seat, "p", "lease")
    with pytest.raises(BusError):
        bus.renew(seat, "p", "lease")
    with running(server.part()):
        with pytest.raises(Unseated):
            bus.renew(seat, "p", "lease")
        assert bus.new_seat()[:40] != seat[:40]


def test_a_broken_connection_ends_listening(redis: Redis, redis_prefix: str) -> None:
    bus = RedisBus(redis, redis_prefix, fence_seconds=SECONDS)
    with bus.listen("p") as inbox:
        redis.client_kill_filter(_type="pubsub")
        with pytest.raises(BusError):
            _all_of(inbox)


def _private_bus(server: RedisServer) -> Bus:
    return RedisBus(Redis.from_url(server.url), "test:", fence_seconds=SECONDS)


def _all_of(inbox: Inbox) -> list[object]:
    received = []
    while (message := inbox.receive(0.2)) is not None:
        received.append(message)
    return received
