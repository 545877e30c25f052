"""Writes ``docs/permissions.md`` from the table, when it is run as a program."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from tests.integration.contracts.verdicts import NEEDS, OK, PEOPLE, TOKENS, Operation, operations

PAGE = Path(__file__).parents[3] / "docs/permissions.md"
_MARKS = {OK: "✓"}
_HEAD = """\
# Who may do what

Made from the table that the tests hold the API to (`tests/integration/contracts/verdicts.py`), by
`python -m tests.integration.contracts.permissions_page`. Change it there.

What an operation needs says who is answered what. ✓: done; 401: sign in; 403: you may know of it,
and need more; 404: you may not even know whether it is there. The organization and the repository
here are private. A repository that is `internal` is read by everybody who is signed in, a `public`
one by everybody; lists show each caller what they may see.
"""


def page() -> str:
    """Return the page's text."""
    people = _table(
        ["it needs", *PEOPLE],
        ([need, *(_mark(one) for one in verdicts.split())] for need, verdicts in NEEDS.items()),
    )
    callers = "\n".join(f"- **{name}**: {meaning}" for name, meaning in (PEOPLE | TOKENS).items())
    parts = [_HEAD, people, "", callers, "", "## Operations", _TOKENS]
    for name, found in groupby(operations(), key=lambda one: one.path.split("/")[1]):
        rows = [_row(one) for one in found]
        parts += ["", f"### {name}", "", _table(["", "it needs", *TOKENS], rows)]
    return "\n".join(parts) + "\n"


_TOKENS = """
The tokens are those of an owner of the organization: what is theirs to do is within the limits of
the token, or it is a 403 that names the limit."""


def _row(operation: Operation) -> list[str]:
    verdicts = operation.verdicts()
    name = f"`{operation.method.upper()} {operation.path}`"
    return [name, operation.need, *(_mark(verdicts[token]) for token in TOKENS)]


def _mark(verdict: str) -> str:
    return _MARKS.get(verdict, verdict)


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---" for _ in head], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(page())
