"""What a check found, and how checks are run one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.doctor.patient import Patient


class Health(StrEnum):
    """How a part is."""

    OK = "ok"
    WARNING = "warning"  # it works, and will hurt some day
    FAILED = "failed"
    SKIPPED = "skipped"  # what it needs has failed


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        says: what is so, in one sentence.
        advice: what to do; empty where there is nothing to do.
    """

    check: str
    health: Health
    says: str
    advice: str = ""


class Trouble(Exception):
    """A part is not as it has to be."""

    health = Health.FAILED

    def __init__(self, says: str, advice: str) -> None:
        super().__init__(says)
        self.says = says
        self.advice = advice


class Worry(Trouble):
    """A part works, but not as it should."""

    health = Health.WARNING


class Unknown(Exception):
    """It cannot be looked at, because of what another check has found."""


Check = Callable[["Patient"], str]
"""Returns what is so, where all is well; raises Trouble, Worry or Unknown."""


def examine(patient: Patient, checks: Mapping[str, Check]) -> Iterator[Finding]:
    """Run checks in their order."""
    for name, check in checks.items():
        try:
            yield Finding(check=name, health=Health.OK, says=check(patient))
        except Trouble as found:
            yield Finding(check=name, health=found.health, says=found.says, advice=found.advice)
        except Unknown as reason:
            yield Finding(check=name, health=Health.SKIPPED, says=str(reason))
