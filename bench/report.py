"""The results as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import packhouse
from bench.measuring import Line, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MB = 1_000_000
_NONE = "–"  # noqa: RUF001  a dash in an empty cell


def comparison(lines: Sequence[Line], names: Sequence[str]) -> str:
    """Return the table of all rows: each server's figures, then Packhouse's ratios.

    Args:
        lines: the rows.
        names: of the servers that were there.
    """
    others = [name for name in names if name != packhouse.NAME]
    head = [
        "",
        *(f"{name}: /s · p50 · p99 ms · MB" for name in names),
        *(f"of {name}" for name in others),
    ]
    return table(head, [_cells(line, names, others) for line in lines])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are figures."""
    rule = ["---", *("--:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def megabytes(size_bytes: int) -> str:
    """Return a size in words."""
    return f"{size_bytes / _MB:.0f} MB"


def largest_processes(lines: Sequence[Line], names: Sequence[str]) -> str:
    """Say how much memory the largest process of each server took in any row."""
    found = []
    for name in names:
        results = [line.results.get(name) for line in lines]
        peaks = [one.largest_peak_bytes for one in results if isinstance(one, Result)]
        if peaks:
            found.append(f"{name} {megabytes(max(peaks))}")
    return f"Peak memory of the largest process that serves, in all rows: {', '.join(found)}."


def memory(parts: Mapping[str, int]) -> str:
    """Return the table of the memory of each part."""
    rows = [(name, megabytes(size_bytes)) for name, size_bytes in parts.items()]
    return table(["process tree", "peak memory"], [*rows, ("sum", megabytes(sum(parts.values())))])


def _cells(line: Line, names: Sequence[str], others: Sequence[str]) -> list[str]:
    ours = line.results.get(packhouse.NAME)
    return [
        line.row.title,
        *(_figures(line.results.get(name, _NONE)) for name in names),
        *(_ratio(ours, line.results.get(name), line.row.aims.get(name)) for name in others),
    ]


def _figures(result: Result | str) -> str:
    if isinstance(result, str):
        return result
    return (
        f"{_short(result.rate)} · {_short(result.p50_ms)} · {_short(result.p99_ms)} · "
        f"{result.peak_bytes / _MB:.0f}"
    )


def _ratio(ours: Result | str | None, theirs: Result | str | None, aim: float | None) -> str:
    if not isinstance(ours, Result) or not isinstance(theirs, Result):
        return _NONE
    ratio = ours.rate / theirs.rate
    if aim is None:
        return _short(ratio)
    return f"{_short(ratio)} (aim {_short(aim)}{'' if ratio >= aim else ', **missed**'})"


def _short(value: float) -> str:
    """Return three digits, which is more than the spread of the runs allows."""
    if value >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004
