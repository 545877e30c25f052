"""Answer a hot GET from memory, before Flask is entered.

What an answer depends on (the token, its owner, the package, grants) is collected while
Flask makes it the first time; ``app.coherence`` keeps it only while all of that is known
to be unchanged in every process. The exact ``Authorization`` is part of the key, so an
answer is only ever given again to the very credential that it was made for.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import structlog

from app.http.addresses import Addresses, WsgiEnvironment
from app.http.metrics import count_hot
from app.http.routing import PROTOCOL, StartResponse, WsgiApplication
from app.http.traffic import STANDING, USE, Traffic, Use
from app.registry.responses import HOT_ANSWER, HotAnswer, choose_form, is_modified

if TYPE_CHECKING:
    from app.coherence import Coherence
    from app.registry.download_counts import DownloadCounter

log = structlog.get_logger(__name__)

REQUEST_ID = "packhouse.request_id"
_READS = frozenset({"GET", "HEAD"})
_LONGEST_REQUEST_ID = 128
_LARGEST_KEPT_BYTES = 16 * 1024 * 1024
_LARGEST_KEY = 2048  # characters: what clients really send is a tenth of it


class RequestIds:
    """Names requests: a random prefix for the process, and a counter."""

    def __init__(self) -> None:
        self._prefix = os.urandom(6).hex()
        self._numbers = itertools.count(1)

    def next(self) -> str:
        """Return a name that no other request has."""
        return f"{self._prefix}-{next(self._numbers):x}"


class _Kept(NamedTuple):
    answer: HotAnswer
    protocol: str
    use: Use


class HotAnswers:
    """WSGI middleware: the same request to the same state of things gets the same bytes.

    Each is counted. A log line would cost more than all the rest, so it has to be asked for.
    """

    def __init__(
        self,
        app: WsgiApplication,
        coherence: Coherence,
        addresses: Addresses,
        traffic: Traffic,
        downloads: DownloadCounter,
        *,
        enabled: bool,
        logs: bool,
    ) -> None:
        self._app = app
        self._coherence = coherence
        self._addresses = addresses
        self._traffic = traffic
        self._downloads = downloads
        self._enabled = enabled
        self._logs = logs
        self._ids = RequestIds()

    def __call__(self, environ: WsgiEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        request_id = environ.get("HTTP_X_REQUEST_ID") or ""
        if not _is_plain(request_id):
            request_id = self._ids.next()
        environ[REQUEST_ID] = request_id
        method = environ["REQUEST_METHOD"]
        if (
            not self._enabled
            or method not in _READS
            or "HTTP_RANGE" in environ
            or "HTTP_IF_MATCH" in environ
            or "HTTP_COOKIE" in environ
        ):
            return self._app(environ, start_response)
        get = environ.get
        key = (
            environ["PATH_INFO"],
            get("QUERY_STRING"),
            get("HTTP_AUTHORIZATION"),
            get("HTTP_ACCEPT"),
            self._addresses.origin(environ),
        )
        kept = self._coherence.peek(key)
        if isinstance(kept, _Kept):
            return self._give(kept, environ, start_response, request_id)
        with self._coherence.recording() as recording:
            body = self._app(environ, start_response)
        made: HotAnswer | None = environ.get(HOT_ANSWER)
        if made is not None and made.size_bytes <= _LARGEST_KEPT_BYTES:
            key_size = sum(len(part) for part in key if part)
            if key_size <= _LARGEST_KEY:
                kept = _Kept(made, environ[PROTOCOL].name, environ[USE])
                self._coherence.keep(key, kept, recording, made.size_bytes + key_size)
        return body

    def _give(
        self, kept: _Kept, environ: WsgiEnvironment, start_response: StartResponse, request_id: str
    ) -> Iterable[bytes]:
        answer, protocol, use = kept
        standing = self._traffic.spend(use, environ)
        if standing is not None and standing.wait_seconds:
            environ[STANDING] = standing
            return self._app(environ, start_response)
        method = environ["REQUEST_METHOD"]
        body, etag, is_gzip = choose_form(answer, environ)
        headers = [*answer.headers, ("ETag", etag), ("X-Request-Id", request_id)]
        if standing is not None:
            headers += standing.headers
        is_whole = is_modified(environ, etag)
        status = "200" if is_whole else "304"
        count_hot(protocol, method, status)
        if self._logs:
            self._log(environ, protocol, status, request_id)
        if not is_whole:
            start_response("304 Not Modified", headers)
            return ()
        if is_gzip:
            headers.append(("Content-Encoding", "gzip"))
        headers.append(("Content-Length", str(len(body))))
        start_response("200 OK", headers)
        if method == "HEAD":
            return ()
        if answer.download is not None:
            self._downloads.note(answer.download)
        return (body,)

    def _log(self, environ: WsgiEnvironment, protocol: str, status: str, request_id: str) -> None:
        """Say what ``lifecycle`` says of the others."""
        log.debug(
            "request.answered_from_memory",
            method=environ["REQUEST_METHOD"],
            path=environ.get("RAW_URI", environ["PATH_INFO"]),
            status=int(status),
            protocol=protocol,
            ip=self._addresses.client(environ),
            user_agent=environ.get("HTTP_USER_AGENT", ""),
            request_id=request_id,
        )


def _is_plain(request_id: str) -> bool:
    """Whether a client's own request id is one that a log line can hold."""
    return (
        0 < len(request_id) <= _LONGEST_REQUEST_ID
        and request_id.isascii()
        and request_id.isprintable()
    )
