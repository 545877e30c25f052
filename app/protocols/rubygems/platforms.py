"""Platforms of gems, as ``Gem::Platform`` of RubyGems 3.6 and later takes them apart.

Earlier ones lack some of the systems and pass over the C library of Linux; all of them agree
on what a gem may be published for here: a platform that is written in normal form.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_LENGTH = 128

RUBY = "ruby"
"""The platform of a gem that runs on all."""

_PLATFORM = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_X86 = re.compile(r"i[0-9]86")

# Old spellings that ``Gem::Specification#platform=`` knows of.
_OLD = {"mswin32": "x86-mswin32", "i586-linux": "x86-linux", "powerpc-darwin": "ppc-darwin"}


class Platform(NamedTuple):
    """The parts of a platform.

    Attributes:
        cpu: none for such as ``java``.
        version: of the operating system, or the C library of Linux.
    """

    cpu: str | None
    os: str
    version: str | None

    @property
    def text(self) -> str:
        """Return the platform in normal form."""
        parts = [part for part in self if part is not None]
        return ("" if self.cpu is None else "-").join(parts)


def is_platform(raw: str) -> bool:
    """Whether this can be a platform."""
    return len(raw) <= MAX_LENGTH and _PLATFORM.fullmatch(raw) is not None


def normalised(raw: str) -> str:
    """Return a platform as RubyGems writes it in the name of a gem's file."""
    return RUBY if raw in {"", RUBY} else parse(raw).text


def parse(raw: str) -> Platform:
    """Take a platform apart."""
    cpu, dash, system = _OLD.get(raw, raw).rstrip("-").partition("-")
    if not dash:
        return _with_system(None, cpu)
    return _with_system("x86" if _X86.search(cpu) else cpu, system)


def _with_system(cpu: str | None, raw: str) -> Platform:
    for name, pattern in _SYSTEMS:
        if match := pattern.search(raw):
            system = name or match[1]
            # A platform of Windows alone, as it once was written.
            if cpu is None and system.startswith("mswin") and system.endswith("32"):
                cpu = "x86"
            return Platform(cpu, system, match.groupdict().get("version"))
    return Platform(cpu, "unknown", None)


# In the order of ``Gem::Platform#initialize``; where there is no name, it is the first group.
_SYSTEMS = tuple(
    (name, re.compile(pattern, re.ASCII))
    for name, pattern in (
        ("aix", r"aix-?(?P<version>\d+)?"),
        ("cygwin", r"cygwin"),
        ("darwin", r"darwin-?(?P<version>\d+)?"),
        ("macruby", r"\Amacruby-?(?P<version>\d+(?:\.\d+)*)?"),
        ("freebsd", r"freebsd-?(?P<version>\d+)?"),
        ("java", r"\Ajruby\Z|\Ajava-?(?P<version>\d+(?:\.\d+)*)?"),
        ("dalvik", r"\Adalvik-?(?P<version>\d+)?\Z"),
        ("dotnet", r"\Adotnet-?(?P<version>\d+(?:\.\d+)*)?"),
        ("linux", r"linux-?(?P<version>\w+)?"),
        ("mingw32", r"mingw32"),
        ("mingw", r"mingw-?(?P<version>\w+)?"),
        (None, r"(mswin\d+)(?:[_-](?P<version>\d+))?"),
        ("netbsdelf", r"netbsdelf"),
        ("openbsd", r"openbsd-?(?P<version>\d+\.\d+)?"),
        ("solaris", r"solaris-?(?P<version>\d+\.\d+)?"),
        ("wasi", r"wasi"),
        (None, r"\A(\w+_platform)-?(?P<version>\d+)?"),
    )
)
