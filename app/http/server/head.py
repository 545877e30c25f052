"""Read a request's head, strictly: what two parsers could read in two ways is refused.

Spec: RFC 9112, sections 2, 3, 5, 6 and 7; RFC 9110, section 5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from app.http.server.wire import TooSlow

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from app.http.server.limits import Limits
    from app.http.server.wire import Wire

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
_ABSOLUTE_TARGET = re.compile(r"https?://([^/?#]+)(.*)", re.IGNORECASE)
_HOST = re.compile(r"(?:[\w.-]{0,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?", re.ASCII)
_VERSIONS = frozenset({"HTTP/1.0", "HTTP/1.1"})
_ANY_VERSION = re.compile(r"HTTP/[0-9]\.[0-9]")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\r\n") + b"\x7f"

_ONLY_ONCE = frozenset(
    {
        "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_AUTHORIZATION", "HTTP_EXPECT", "HTTP_HOST",
        "HTTP_IF_RANGE", "HTTP_RANGE", "HTTP_TRANSFER_ENCODING",
    }
)  # fmt: skip
"""What decides who asks for what, and where the request ends."""


class Refusal(Exception):
    """The server itself answers the request, and closes the connection."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def bad_request(reason: str) -> Refusal:
    """Return the refusal of a request that is not HTTP as it is written."""
    return Refusal(HTTPStatus.BAD_REQUEST, reason)


@dataclass(slots=True)
class Framing:
    """Where the messages of one exchange end.

    Attributes:
        body_bytes: the length of the request's body; none where it comes in chunks.
        is_http_1_1: the client understands an answer in chunks.
        keeps_alive: the client may send another request.
        expects_continue: the client waits for a 100 before it sends the body.
    """

    body_bytes: int | None
    is_http_1_1: bool
    keeps_alive: bool
    expects_continue: bool


class HeadReader:
    """Reads heads within limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def read(self, wire: Wire, environ: WSGIEnvironment) -> Framing:
        """Read the next head into ``environ``.

        Raises:
            Refusal: it is wrong, too large or too slow.
            ClientGone: the connection ends before it.
        """
        wire.pass_over(b"\r\n")  # some clients end a body with an empty line of their own
        try:
            head = wire.read_until(b"\r\n\r\n", self._check_beginning, self._limits.head_seconds)
        except TooSlow as error:
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "The head took too long.") from error
        return self.parse(head, environ)

    def parse(self, head: bytes, environ: WSGIEnvironment) -> Framing:
        """Parse a head, without its empty line, into ``environ``.

        Raises:
            Refusal: it is wrong or too large.
        """
        lines = self._split(head)
        _read_request_line(lines[0], environ)
        _read_fields(lines, environ)
        return _read_framing(environ)

    def _split(self, head: bytes) -> list[str]:
        lines = head.decode("latin-1").split("\r\n")
        if len(lines[0]) > self._limits.request_line_bytes:
            raise Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, "The request line is too long.")
        if len(head) > self._limits.head_bytes or len(lines) > self._limits.head_fields + 1:
            raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head is too large.")
        ends = len(lines) - 1
        if head.count(b"\r") != ends or head.count(b"\n") != ends:
            raise bad_request("Lines must end in CRLF.")
        if len(head.translate(None, _CONTROLS)) != len(head):
            raise bad_request("The head must not hold control characters.")
        return lines

    def _check_beginning(self, beginning: bytes) -> None:
        """Refuse at once what more bytes could not make right."""
        lines = self._split(beginning.rstrip(b"\r"))
        if len(lines) > 1:
            _read_request_line(lines[0], {})


def _read_request_line(line: str, environ: WSGIEnvironment) -> None:
    words = line.split(" ")
    if len(words) != 3 or "\t" in line:  # noqa: PLR2004  method, target, version
        raise bad_request("The first line must be a method, a target and HTTP/1.1.")
    method, target, version = words
    if version not in _VERSIONS:
        if _ANY_VERSION.fullmatch(version):
            raise Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server speaks HTTP/1.1.")
        raise bad_request("The first line must end in HTTP/1.1.")
    if not _TOKEN.fullmatch(method):
        raise bad_request("The method is not a token.")
    environ["REQUEST_METHOD"] = method
    environ["RAW_URI"] = target
    environ["SERVER_PROTOCOL"] = version
    if not target.startswith("/"):
        target = _origin_form(target)
    path, _, query = target.partition("?")
    environ["PATH_INFO"] = unquote(path, "latin-1") if "%" in path else path
    environ["QUERY_STRING"] = query


def _origin_form(target: str) -> str:
    """Take the form meant for proxies, as a server must (RFC 9112, section 3.2.2)."""
    absolute = _ABSOLUTE_TARGET.fullmatch(target)
    if absolute is None:
        raise bad_request("The target must be a path.")
    return absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"


def _read_fields(lines: list[str], environ: WSGIEnvironment) -> None:
    fields = iter(lines)
    next(fields)
    for line in fields:
        name, colon, value = line.partition(":")
        if not colon:
            raise bad_request("A header line has no colon.")
        key = _environ_key(name)
        value = value.strip(" \t")
        if key in environ:
            value = _join(key, environ[key], value)
        environ[key] = value
    environ.pop("", None)
    _read_host(environ)


@lru_cache(maxsize=1024)
def _environ_key(name: str) -> str:
    """Return the WSGI name of a header; empty for one that must not be passed on.

    ``X_Forwarded_For`` would get the very key of ``X-Forwarded-For``. A folded line and
    white space before the colon end here too: neither is part of a token.
    """
    if not _TOKEN.fullmatch(name):
        raise bad_request("A header's name is not a token.")
    if "_" in name:
        return ""
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


def _join(key: str, first: str, second: str) -> str:
    if key in _ONLY_ONCE:
        raise bad_request("A header that may occur only once is repeated.")
    return f"{first}; {second}" if key == "HTTP_COOKIE" else f"{first},{second}"


def _read_host(environ: WSGIEnvironment) -> None:
    host = environ.get("HTTP_HOST")
    if host is None:
        if environ["SERVER_PROTOCOL"] == "HTTP/1.1":
            raise bad_request("There is no Host header.")
        return
    absolute = _ABSOLUTE_TARGET.fullmatch(environ["RAW_URI"])
    if absolute is not None:
        environ["HTTP_HOST"] = host = absolute[1]
    _check_host(host)


@lru_cache(maxsize=1024)
def _check_host(host: str) -> None:
    if not _HOST.fullmatch(host):
        raise bad_request("The Host header is no host.")


def _read_framing(environ: WSGIEnvironment) -> Framing:
    is_http_1_1 = environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    connection = environ.get("HTTP_CONNECTION", "").lower()
    return Framing(
        body_bytes=_body_bytes(environ, is_http_1_1=is_http_1_1),
        is_http_1_1=is_http_1_1,
        keeps_alive="close" not in connection if is_http_1_1 else "keep-alive" in connection,
        expects_continue=is_http_1_1 and environ.get("HTTP_EXPECT", "").lower() == "100-continue",
    )


def _body_bytes(environ: WSGIEnvironment, *, is_http_1_1: bool) -> int | None:
    length = environ.get("CONTENT_LENGTH")
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding is None:
        if length is None:
            return 0
        if not _LENGTH.fullmatch(length):
            raise bad_request("Content-Length is not a number.")
        return int(length)
    if length is not None:
        raise bad_request("Content-Length and Transfer-Encoding exclude each other.")
    if coding.lower() != "chunked" or not is_http_1_1:
        raise bad_request("The only transfer coding here is chunked, with HTTP/1.1.")
    return None
