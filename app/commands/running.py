"""How the commands read lists and print."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import click
import orjson

from app.registry.listing import Page, PageRequest

Item = TypeVar("Item")

_PAGE = 500


def every(list_page: Callable[[PageRequest], Page[Item]]) -> Iterator[Item]:
    """Give all items of a list."""
    after = None
    while True:
        page = list_page(PageRequest(limit=_PAGE, after=after))
        yield from page.items
        if page.next is None:
            return
        after = page.next


def show_all(items: Iterable[Any], columns: Sequence[str], *, as_json: bool) -> None:
    """Print a list: one JSON object in a line, or a table with some columns."""
    if as_json:
        for item in items:
            click.echo(orjson.dumps(dataclasses.asdict(item)))
        return
    rows = [[_text(getattr(item, column)) for column in columns] for item in items]
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in [list(columns), *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def show(item: Any, *, as_json: bool, **more: str) -> None:  # noqa: ANN401  any dataclass
    """Print one thing, and what is known beside it."""
    fields = {**dataclasses.asdict(item), **more}
    if as_json:
        click.echo(orjson.dumps(fields))
        return
    for name, value in fields.items():
        click.echo(f"{name}: {_text(value)}")


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(_text, value))
        case dict():
            return str(value.get("username", orjson.dumps(value).decode()))
    return str(value)
