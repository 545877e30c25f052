from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.registry.listing import Page, PageRequest, slice_page


def one_key(item: str) -> tuple[str]:
    return (item,)


@given(items=st.sets(st.text(max_size=4)), limit=st.integers(min_value=1, max_value=5))
def test_pages_show_everything_once_and_in_order(items: set[str], limit: int) -> None:
    seen: list[str] = []
    request = PageRequest(limit=limit)
    while True:
        page = slice_page(list(items), one_key, request)
        assert len(page.items) <= limit
        seen += page.items
        if page.next is None:
            break
        request = PageRequest(limit=limit, after=page.next)
    assert seen == sorted(items)


def test_a_page_in_another_form_ends_at_the_same_place() -> None:
    page = Page(items=(1, 2), next=("x",))
    assert page.shown_as(lambda items: [str(one) for one in items]) == Page(
        items=["1", "2"], next=("x",)
    )
