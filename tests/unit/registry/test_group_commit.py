"""What gathers while a commit runs goes together, and ends for each as it would have alone."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import pytest
from pymongo.errors import AutoReconnect, DuplicateKeyError

from app.errors import Conflict, Unavailable
from app.registry.group_commit import GroupCommit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIRST = "first"
LIMIT_SECONDS = 10


class Ledger:
    """Commits names; the first of all waits until it is told to go on.

    Attributes:
        groups: what was committed together, also where it failed.
        refusals: raised where a name is among those committed.
    """

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.refusals: dict[str, BaseException] = {}
        self.has_begun = Event()
        self.may_go_on = Event()
        self._lock = Lock()

    def commit(self, names: Sequence[str]) -> list[str]:
        with self._lock:
            self.groups.append(list(names))
        if names[0] == FIRST:
            self.has_begun.set()
            assert self.may_go_on.wait(LIMIT_SECONDS)
        for name in names:
            if name in self.refusals:
                raise self.refusals[name]
        return [f"{name} is in" for name in names]


class Gathering:
    """Many who commit while the first commit is held up."""

    def __init__(self, ledger: Ledger, threads: ThreadPoolExecutor) -> None:
        self.ledger = ledger
        self._threads = threads
        self._group: Any = GroupCommit(ledger.commit, key=lambda name: name.partition("/")[0])
        self._futures = [threads.submit(self._group.commit, FIRST)]
        assert ledger.has_begun.wait(LIMIT_SECONDS)

    def join(self, *names: str) -> None:
        """Let these come, one after the other, and wait."""
        for name in names:
            self._futures.append(self._threads.submit(self._group.commit, name))
            while len(self._group._waiting) < len(self._futures) - 1:  # noqa: SLF001
                assert not self._futures[-1].done()

    def end(self) -> list[Future[str]]:
        """Let the first go on; returns all outcomes, the first's at the front."""
        self.ledger.may_go_on.set()
        for future in self._futures:
            future.exception(LIMIT_SECONDS)
        return self._futures


@pytest.fixture
def gathering() -> Iterator[Gathering]:
    with ThreadPoolExecutor(40) as threads:
        gathering = Gathering(Ledger(), threads)
        yield gathering
        gathering.ledger.may_go_on.set()


def test_who_is_alone_does_not_wait() -> None:
    ledger = Ledger()
    group: GroupCommit[str, str] = GroupCommit(ledger.commit, key=lambda name: name)
    assert [group.commit(name) for name in ("a", "b")] == ["a is in", "b is in"]
    assert ledger.groups == [["a"], ["b"]]


def test_who_comes_meanwhile_goes_together(gathering: Gathering) -> None:
    gathering.join("a", "b", "c")
    assert [one.result() for one in gathering.end()] == [
        f"{name} is in" for name in (FIRST, "a", "b", "c")
    ]
    assert gathering.ledger.groups == [[FIRST], ["a", "b", "c"]]


def test_two_of_a_kind_are_in_two_groups(gathering: Gathering) -> None:
    gathering.join("a/1", "a/2", "b/1", "a/3")
    gathering.end()
    assert gathering.ledger.groups == [[FIRST], ["a/1", "b/1"], ["a/2"], ["a/3"]]


def test_a_group_has_its_limit(gathering: Gathering) -> None:
    names = [str(number) for number in range(20)]
    gathering.join(*names)
    gathering.end()
    assert gathering.ledger.groups == [[FIRST], names[:16], names[16:]]


@pytest.mark.parametrize("refusal", [Conflict("taken"), DuplicateKeyError("taken"), KeyError("b")])
def test_one_that_is_refused_keeps_nothing_from_the_others(
    gathering: Gathering, refusal: Exception
) -> None:
    gathering.ledger.refusals["b"] = refusal
    gathering.join("a", "b", "c")
    _, a, b, c = gathering.end()
    assert (a.result(), c.result()) == ("a is in", "c is in")
    assert b.exception() is refusal
    tried = Counter(map(tuple, gathering.ledger.groups))
    assert tried == Counter([(FIRST,), ("a", "b", "c"), ("a",), ("b",), ("c",)])


@pytest.mark.parametrize("failure", [Unavailable(), AutoReconnect("gone")])
def test_where_nobody_knows_whether_it_happened_nobody_tries_again(
    gathering: Gathering, failure: Exception
) -> None:
    gathering.ledger.refusals["b"] = failure
    gathering.join("a", "b", "c")
    _, a, b, c = gathering.end()
    assert a.exception() is failure  # It led.
    assert isinstance(b.exception(), Unavailable)
    assert isinstance(c.exception(), Unavailable)
    assert gathering.ledger.groups == [[FIRST], ["a", "b", "c"]]


def test_a_leader_that_is_killed_leaves_the_lead_to_the_next(gathering: Gathering) -> None:
    gathering.ledger.refusals["a/1"] = SystemExit()
    gathering.join("a/1", "b", "a/2")
    _, killed, follower, later = gathering.end()
    assert isinstance(killed.exception(), SystemExit)
    assert isinstance(follower.exception(), Unavailable)
    assert later.result() == "a/2 is in"
    assert gathering.ledger.groups == [[FIRST], ["a/1", "b"], ["a/2"]]


def test_the_next_one_after_a_group_is_alone_again(gathering: Gathering) -> None:
    gathering.join("a", "b")
    gathering.end()
    assert gathering._group.commit("later") == "later is in"  # noqa: SLF001
    assert gathering.ledger.groups[-1] == ["later"]
