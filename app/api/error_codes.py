"""The codes of errors, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import RegistryError


@dataclass(frozen=True, kw_only=True)
class ErrorCode:
    """A ``code`` of problem details, and what happened where it is given."""

    code: str
    status: int
    meaning: str


def error_codes() -> list[ErrorCode]:
    """Return every code that a client may see."""
    known = {kind.code: kind for kind in _kinds(RegistryError)}
    return [
        ErrorCode(code=code, status=kind.status, meaning=(kind.__doc__ or "").partition("\n")[0])
        for code, kind in known.items()
    ]


def _kinds(kind: type[RegistryError]) -> Iterator[type[RegistryError]]:
    """Yield a kind of error after those below it: who names a code first, explains it."""
    for inner in kind.__subclasses__():
        yield from _kinds(inner)
    yield kind
