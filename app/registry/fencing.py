"""Change what is only known once it was read."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from app.extensions import coherence
from app.models import in_transaction

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Unfenced:
    """Nothing was changed: these are concerned, and not all of them are fenced."""

    tags: frozenset[str]


def change_found(find_tags: Callable[[], Collection[str]], work: Callable[[], Result]) -> Result:
    """Run ``work`` in one transaction, behind a fence around all that it concerns.

    Between looking and fencing, more may come to be concerned: a namespace may be claimed
    for an organization that is being deleted. So it is looked again within the
    transaction, and where something is not fenced the change starts over with a larger
    fence.

    Args:
        find_tags: reads the tags of what ``work`` is going to change. It may raise: then
            nothing is changed.
        work: as for ``in_transaction``: may run more than once.
    """
    fenced = frozenset(find_tags())
    while True:
        attempt = partial(_attempt, fenced, find_tags, work)
        outcome = coherence.change(fenced, partial(in_transaction, attempt))
        if not isinstance(outcome, _Unfenced):
            return outcome
        fenced |= outcome.tags


def _attempt(
    fenced: frozenset[str],
    find_tags: Callable[[], Collection[str]],
    work: Callable[[], Result],
) -> Result | _Unfenced:
    needed = frozenset(find_tags())
    return work() if needed <= fenced else _Unfenced(needed)
