from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.registry.listing import DOWN, UP, PageRequest, Row, find_page

if TYPE_CHECKING:
    from pymongo.database import Database


def test_rows_are_paged_in_a_mixed_order_with_ties(database: Database[dict[str, Any]]) -> None:
    rows = [
        {"_id": number, "kind": kind, "size": size, "secret": "x"}
        for number, (kind, size) in enumerate(
            [("a", 1), ("b", 3), ("a", 2), ("b", 3), ("a", 2), ("c", 0), ("b", 1)]
        )
    ]
    database["things"].insert_many(rows)
    seen: list[Row] = []
    request = PageRequest(limit=2)
    while True:
        page = find_page(
            database["things"],
            {"kind": {"$ne": "c"}},
            [("kind", UP), ("size", DOWN), ("_id", UP)],
            request,
            without=("secret",),
        )
        seen += page.items
        if page.next is None:
            break
        request = PageRequest(limit=2, after=page.next)
    assert [row["_id"] for row in seen] == [2, 4, 0, 1, 3, 6]
    assert all("secret" not in row for row in seen)
