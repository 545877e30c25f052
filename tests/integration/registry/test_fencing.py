from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.errors import NotFound
from app.models import Counter
from app.registry.fencing import change_found

if TYPE_CHECKING:
    from tests.world import World


def test_a_change_that_concerns_more_than_was_fenced_starts_over(world: World) -> None:
    found = [{"a"}, {"a", "b"}, {"b"}, {"a", "b"}]
    looks = iter(found)
    runs: list[int] = []

    def work() -> int:
        runs.append(Counter.next("changes"))
        return runs[-1]

    with world.context():
        assert change_found(lambda: next(looks), work) == 1
    assert runs == [1]
    assert list(looks) == [{"a", "b"}]  # The third look was within what is fenced by then.


def test_nothing_is_changed_where_looking_fails(world: World) -> None:
    def look() -> set[str]:
        raise NotFound

    with world.context(), pytest.raises(NotFound):
        change_found(look, lambda: Counter.next("changes"))
    with world.context():
        assert Counter.objects(name="changes").first() is None
