"""Which version speaks for a package where no tag says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.models import Package
from app.registry.formats import format_of


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A published version: its number in normal form, and as its publisher spells it."""

    number: str
    display: str
    is_yanked: bool = False


def candidates(rows: Iterable[Mapping[str, Any]]) -> list[Candidate]:
    """Return versions' rows as candidates, in their order."""
    return [
        Candidate(
            number=row["number"],
            display=row["display_number"],
            is_yanked=bool(row.get("is_yanked")),
        )
        for row in rows
    ]


def latest_of(protocol: str, among: Sequence[Candidate]) -> Candidate | None:
    """Return the version that speaks for a package; None where there is none.

    Args:
        protocol: says how versions compare.
        among: the oldest first: where the format has no order, the newest is meant.
    """
    precedence = format_of(protocol).precedence
    best = max(
        enumerate(among),
        key=lambda pair: (
            not pair[1].is_yanked,
            pair[0] if precedence is None else precedence(pair[1].number),
        ),
        default=None,
    )
    return None if best is None else best[1]


def set_latest(row: Package, latest: Candidate | None) -> None:
    """Let a version speak for a package."""
    row.latest_number = "" if latest is None else latest.number
    row.latest_display = "" if latest is None else latest.display
