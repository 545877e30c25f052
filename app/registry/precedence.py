"""Which version speaks for a package where no tag says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.registry.formats import format_of


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A published version; ``number`` is in normal form."""

    number: str
    is_yanked: bool = False


def candidates(rows: Iterable[Mapping[str, Any]]) -> list[Candidate]:
    """Return versions' rows as candidates, in their order."""
    return [Candidate(number=row["number"], is_yanked=bool(row.get("is_yanked"))) for row in rows]


def latest_of(protocol: str, candidates: Sequence[Candidate]) -> str:
    """Return the number of the version that speaks for a package; empty where there is none.

    Args:
        protocol: says how versions compare.
        candidates: the oldest first: where the format has no order, the newest is meant.
    """
    precedence = format_of(protocol).precedence
    best = max(
        enumerate(candidates),
        key=lambda pair: (
            not pair[1].is_yanked,
            pair[0] if precedence is None else precedence(pair[1].number),
        ),
        default=None,
    )
    return "" if best is None else best[1].number
