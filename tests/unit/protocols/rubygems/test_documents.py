"""The list of gems that is folded from the log."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.protocols.rubygems.documents import GEMS
from app.registry.listings import Entry

AT = datetime(2026, 3, 1, tzinfo=UTC)
changes = st.tuples(st.sampled_from("ab"), st.sampled_from("123"), st.booleans())


def entry(name: str, moved: str) -> Entry:
    return Entry(text=f"{name} {moved} {'0' * 32}", at=AT)


@given(st.lists(st.lists(changes)))
def test_a_list_is_the_same_however_its_log_is_cut(
    batches: list[list[tuple[str, str, bool]]],
) -> None:
    whole, cut = GEMS.begin(), GEMS.begin()
    expected: dict[str, dict[str, None]] = {}
    for batch in batches:
        entries = []
        for name, number, comes in batch:
            entries.append(entry(name, number if comes else f"-{number}"))
            numbers = expected.setdefault(name, {})
            if comes:
                numbers[number] = None
            else:
                numbers.pop(number, None)
        cut.add(entries)
    whole.add([entry(n, v if c else f"-{v}") for batch in batches for n, v, c in batch])
    wanted = {name: tuple(numbers) for name, numbers in expected.items() if numbers}
    assert cut.show().numbers == whole.show().numbers == wanted
