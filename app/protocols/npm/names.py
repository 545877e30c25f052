"""Package names: read as anything npm ever allowed, written as npm allows today.

Spec: npm, "package.json", name; the rules of ``validate-npm-package-name``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.errors import InvalidInput, NotFound

MAX_NEW_NAME_LENGTH = 214
"""With the scope; npm's own limit for new packages."""

_MAX_KNOWN_NAME_LENGTH = 512
_ELLIPSIS_AFTER = 80

# What JavaScript's encodeURIComponent leaves alone: no name ever held anything else.
_PART = r"[A-Za-z0-9_!~*'()-][A-Za-z0-9_.!~*'()-]*"
_KNOWN_NAME = re.compile(rf"(?:@(?P<scope>{_PART})/)?(?P<base>{_PART})")
_NEW_NAME = re.compile(r"(?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*")

_NEVER_NAMES = frozenset({"-", "node_modules", "favicon.ico"})

# Node.js 24's own modules. A package of that name could never be loaded.
CORE_MODULES = frozenset(
    {
        "_http_agent",
        "_http_client",
        "_http_common",
        "_http_incoming",
        "_http_outgoing",
        "_http_server",
        "_stream_duplex",
        "_stream_passthrough",
        "_stream_readable",
        "_stream_transform",
        "_stream_wrap",
        "_stream_writable",
        "_tls_common",
        "_tls_wrap",
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "inspector",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "stream",
        "string_decoder",
        "sys",
        "timers",
        "tls",
        "trace_events",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
    }
)


@dataclass(frozen=True, kw_only=True)
class PackageName:
    """A package's name and its two parts.

    Attributes:
        full: ``@acme/thing`` or ``left-pad``; the key, compared byte for byte.
        scope: ``acme``; none for an unscoped name.
        base: ``thing``; the file names of tarballs begin with it.
    """

    full: str
    scope: str | None
    base: str

    def tarball(self, number: str) -> str:
        """Name the file under which clients fetch a version."""
        return f"{self.base}-{number}.tgz"

    def attachment(self, number: str, extension: str = "tgz") -> str:
        """Name the attachment in which clients send a version."""
        return f"{self.full}-{number}.{extension}"


def parse_name(raw: str) -> PackageName:
    """Take a name from a path, decoded, for reading.

    Capitals, a leading ``_`` and ``!~*'()`` are fine: npm once allowed them.

    Raises:
        NotFound: no package can have this name, so there is none.
    """
    name = _split(raw)
    if name is None:
        raise NotFound
    return name


def parse_new_name(raw: str) -> PackageName:
    """Take a name under which something is to be published.

    Raises:
        InvalidInput: npm does not allow this name for a new package.
    """
    name = _split(raw)
    shown = repr(raw if len(raw) <= _ELLIPSIS_AFTER else raw[:_ELLIPSIS_AFTER] + "…")
    if name is None:
        raise InvalidInput(
            f"{shown} is not a package name. Use 'name' or '@scope/name', of lower-case letters, "
            "digits, '-', '.' and '_'."
        )
    if len(raw) > MAX_NEW_NAME_LENGTH:
        raise InvalidInput(
            f"The package name {shown} has {len(raw)} characters. "
            f"Use at most {MAX_NEW_NAME_LENGTH}, scope included."
        )
    if not _NEW_NAME.fullmatch(raw):
        raise InvalidInput(
            f"The package name {shown} is not allowed for a new package. Use lower-case letters, "
            "digits, '-', '.' and '_', and begin name and scope with a letter or a digit."
        )
    if name.scope is None and name.base in CORE_MODULES:
        raise InvalidInput(
            f"The package name {shown} is a module of Node.js itself. Choose another name."
        )
    return name


def _split(raw: str) -> PackageName | None:
    match = _KNOWN_NAME.fullmatch(raw) if len(raw) <= _MAX_KNOWN_NAME_LENGTH else None
    if match is None or raw.lower() in _NEVER_NAMES:
        return None
    return PackageName(full=raw, scope=match["scope"], base=match["base"])
