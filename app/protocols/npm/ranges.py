"""Version ranges, as node-semver reads them without its ``loose`` option.

Spec: node-semver, "Ranges". (``semantic_version.NpmSpec`` differs from it on a quarter of
ordinary ranges: it refuses ``>= 1.0.0`` and ``~>1.2``, and lets ``2.0.0-rc.1`` into ``<2``.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from app.protocols.npm.semver import (
    BUILD,
    MAX_LENGTH,
    MAX_NUMBER,
    NUMBER,
    PRERELEASE,
    Version,
)

# What JavaScript takes for white space.
_BLANKS = re.compile(
    "[\\t\\n\\v\\f\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]+"
)
_BUILD = re.compile(rf"\+{BUILD}")
_PART = rf"{NUMBER}|[xX*]"
_OPERAND = (
    rf"(?P<prefix>[v=]*)(?P<major>{_PART})"
    rf"(?:\.(?P<minor>{_PART})(?:\.(?P<patch>{_PART})(?:-(?P<prerelease>{PRERELEASE}))?)?)?"
)
_COMPARATOR = re.compile(rf"(?P<operator>~>?|\^|(?:[<>] ?)?=?) ?{_OPERAND}(?: |$)")
_HYPHEN = re.compile(r"(\S+) - (\S+)")

_MAX_RANGE_LENGTH = 4096


class InvalidRange(ValueError):
    """This is no range of versions."""


@dataclass(frozen=True)
class Bound:
    """One comparison, by ``<``, ``<=``, ``>``, ``>=`` or ``=``."""

    operator: str
    version: Version

    def admits(self, version: Version) -> bool:
        """Whether a version is on the right side of it."""
        ours, theirs = self.version.precedence, version.precedence
        if theirs == ours:
            return "=" in self.operator
        return theirs < ours if "<" in self.operator else theirs > ours and ">" in self.operator


Bounds = tuple[Bound, ...]

_NOTHING: Bounds = (Bound("<", Version(0, 0, 0, "0")),)


@dataclass(frozen=True)
class Range:
    """Alternatives, each of bounds that hold together; no bounds admit every release."""

    alternatives: tuple[Bounds, ...]

    def matches(self, version: Version) -> bool:
        """Whether a version is in the range.

        A prerelease only is where a bound names a prerelease of the same three numbers.
        """
        return any(_hold(bounds, version) for bounds in self.alternatives)

    def newest(self, versions: Iterable[Version]) -> Version | None:
        """Return the highest of these versions that is in the range, if one is."""
        found = (version for version in versions if self.matches(version))
        return max(found, key=lambda version: version.precedence, default=None)


def is_range(raw: str) -> bool:
    """Whether npm takes this for a range, and so never for a tag."""
    try:
        parse(raw)
    except InvalidRange:
        return False
    return True


def parse(raw: str) -> Range:
    """Read a range.

    Raises:
        InvalidRange: it is not one.
    """
    if len(raw) > _MAX_RANGE_LENGTH:
        raise InvalidRange(raw[:MAX_LENGTH])
    text = _BLANKS.sub(" ", raw)
    alternatives = tuple(_alternative(one.strip(" ")) for one in text.split("||"))
    # What every release is in leaves no room for another alternative's prereleases.
    return Range(((),) if () in alternatives else alternatives)


def _hold(bounds: Bounds, version: Version) -> bool:
    if not all(bound.admits(version) for bound in bounds):
        return False
    return not version.prerelease or any(
        bound.version.prerelease and bound.version.release == version.release for bound in bounds
    )


@dataclass(frozen=True)
class _Operand:
    """A version, perhaps only its first parts; an unknown part makes those after it unknown."""

    major: int | None
    minor: int | None
    patch: int | None
    prerelease: str

    @classmethod
    def of(cls, match: re.Match[str]) -> _Operand:
        numbers: list[int | None] = []
        for part in match.group("major", "minor", "patch"):
            is_unknown = part is None or part in "xX*" or None in numbers
            numbers.append(None if is_unknown else int(part))
        major, minor, patch = numbers
        return cls(major, minor, patch, match["prerelease"] or "")

    def version(self) -> Version:
        """Return the lowest version that it stands for, prereleases aside."""
        prerelease = "" if self.patch is None else self.prerelease
        return _version(self.major or 0, self.minor or 0, self.patch or 0, prerelease)

    def after(self, *, kept: int) -> Version:
        """Return the lowest version past all that share its first ``kept`` numbers."""
        numbers = [self.major or 0, self.minor or 0, self.patch or 0][:kept]
        numbers[-1] += 1
        major, minor, patch = (*numbers, 0, 0)[:3]
        return _version(major, minor, patch, "0")

    @property
    def known(self) -> int:
        """Return how many of its numbers are known."""
        return [self.major, self.minor, self.patch, None].index(None)


def _version(major: int, minor: int, patch: int, prerelease: str) -> Version:
    version = Version(major, minor, patch, prerelease)
    if max(version.release) > MAX_NUMBER:
        raise InvalidRange(version.key)
    return version


def _alternative(text: str) -> Bounds:
    text = _BUILD.sub("", text)
    hyphen = _HYPHEN.fullmatch(text)
    if hyphen:
        low, high = (re.fullmatch(_OPERAND, one) for one in hyphen.groups())
        if low and high:
            return (*_compared(">=", low), *_compared("<=", high))
    return tuple(bound for match in _comparators(text) for bound in _bounds(match))


def _comparators(text: str) -> Iterator[re.Match[str]]:
    position = 0
    while position < len(text):
        match = _COMPARATOR.match(text, position)
        if match is None:
            raise InvalidRange(text[:MAX_LENGTH])
        yield match
        position = match.end()


def _bounds(match: re.Match[str]) -> Bounds:
    operator, operand = match["operator"].replace(" ", ""), _Operand.of(match)
    if operator == "^":
        return _between(operand, kept=_caret_keeps(operand))
    if operator.startswith("~"):
        return _between(operand, kept=min(operand.known, 2))
    if _skips_a_part(match):
        raise InvalidRange(match[0])
    return _compared(operator or "=", match)


def _caret_keeps(operand: _Operand) -> int:
    """Count the numbers that ``^`` keeps: up to the first that is not 0."""
    numbers = (operand.major, operand.minor, operand.patch)
    leading_zeros = next((index for index, number in enumerate(numbers) if number != 0), 2)
    return min(operand.known, leading_zeros + 1)


def _skips_a_part(match: re.Match[str]) -> bool:
    """Whether a number follows an ``x``, as in ``1.x.3``."""
    parts = [part for part in match.group("major", "minor", "patch") if part is not None]
    known = [part not in "xX*" for part in parts]
    return known != sorted(known, reverse=True)


def _between(operand: _Operand, *, kept: int) -> Bounds:
    if kept == 0:
        return ()
    return Bound(">=", operand.version()), Bound("<", operand.after(kept=kept))


def _compared(operator: str, match: re.Match[str]) -> Bounds:
    operand = _Operand.of(match)
    if operand.patch is None:
        return _compared_partly(operator, operand)
    if match["prefix"] not in {"", "v"}:
        raise InvalidRange(match[0])
    return (Bound(operator, operand.version()),)


def _compared_partly(operator: str, operand: _Operand) -> Bounds:
    """Compare with the first or the last of the versions that a partial one stands for."""
    known = operand.known
    if known == 0:
        return _NOTHING if operator in {"<", ">"} else ()
    if operator == "=":
        return _between(operand, kept=known)
    if operator == "<":
        return (Bound("<", replace(operand.version(), prerelease="0")),)
    if operator == "<=":
        return (Bound("<", operand.after(kept=known)),)
    low = operand.version() if operator == ">=" else operand.after(kept=known)
    return (Bound(">=", replace(low, prerelease="")),)
