"""Turn documents and artifacts into HTTP answers: one way for every protocol.

Conditional requests, content negotiation of gzip, ranges and caching headers are the
same for all formats (Spec: RFC 9110, sections 8.8, 12.5.3, 13 and 14; RFC 9111).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from flask import Response, request
from werkzeug.datastructures import Headers
from werkzeug.http import http_date

from app.extensions import downloads, store
from app.registry.conditions import asked_span, require_match
from app.registry.documents import Document
from app.registry.download_counts import Download
from app.registry.downloads import Artifact

HOT_ANSWER = "packhouse.hot_answer"
"""Where a view leaves an answer in the WSGI environment that may be given again."""

_REVALIDATE = "private, no-cache"
_IMMUTABLE = "immutable, max-age=31557600"
_LARGEST_HOT_BYTES = 512 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class HotAnswer:
    """A whole answer that may be given again to the same request while memory may be used.

    Attributes:
        headers: everything but Content-Length, Content-Encoding and ETag.
        body, etag: the plain form.
        compressed, compressed_etag: the gzip form; none where there is none.
        download: what is counted when the body is given, if it is one.
    """

    headers: tuple[tuple[str, str], ...]
    body: bytes
    etag: str
    compressed: bytes | None = None
    compressed_etag: str = ""
    download: Download | None = None

    @property
    def size_bytes(self) -> int:
        """Return what keeping it costs."""
        return len(self.body) + len(self.compressed or b"") + 1024


View = TypeVar("View", bound=Callable[..., Response])


def gives_artifacts(view: View) -> View:
    """Mark a view whose answers are artifacts: it is counted as downloads, others as metadata."""
    view.gives_artifacts = True  # type: ignore[attr-defined]  # read by app.http.lifecycle
    return view


def document_response(document: Document, *, vary: str, may_be_hot: bool = True) -> Response:
    """Answer with a document, its gzip form where the client takes it, or 304.

    Args:
        vary: the request headers that chose this document.
        may_be_hot: all that the answer depends on was named, so that it may be given again.

    Raises:
        PreconditionFailed: ``If-Match`` names another state of it.
    """
    headers = [
        ("Content-Type", document.media_type),
        ("Cache-Control", _REVALIDATE),
        ("Vary", vary),
    ]
    if document.modified_at is not None:
        headers.append(("Last-Modified", http_date(document.modified_at)))
    answer = HotAnswer(
        headers=tuple(headers),
        body=document.body,
        etag=document.etag,
        compressed=document.compressed,
        compressed_etag=document.compressed_etag,
    )
    if may_be_hot:
        request.environ[HOT_ANSWER] = answer
    return respond(answer)


def respond(answer: HotAnswer) -> Response:
    """Give an answer in the form that this request asks for.

    Raises:
        PreconditionFailed: ``If-Match`` names another.
    """
    body, etag, encoded = choose_form(answer, request.environ)
    require_match(etag)
    headers = Headers([*answer.headers, ("ETag", etag)])
    if not is_modified(request.environ, etag):
        return Response(status=304, headers=headers)
    if answer.download is not None and request.method == "GET":
        downloads.note(answer.download)
    if encoded:
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, direct_passthrough=True)


def choose_form(answer: HotAnswer, environ: dict[str, object]) -> tuple[bytes, str, bool]:
    """Choose between the plain and the gzip form; gives body, ETag, and whether it is gzip."""
    if answer.compressed is not None and accepts_gzip(str(environ.get("HTTP_ACCEPT_ENCODING", ""))):
        return answer.compressed, answer.compressed_etag, True
    return answer.body, answer.etag, False


def accepts_gzip(header: str) -> bool:
    """Whether an ``Accept-Encoding`` takes gzip (RFC 9110, section 12.5.3)."""
    wildcard = False
    for part in header.lower().split(","):
        coding, _, weight = part.partition(";")
        coding = coding.strip()
        refused = weight.replace(" ", "").rstrip("0").rstrip(".") in {"q=", "q=0"}
        if coding in {"gzip", "x-gzip"}:
            return not refused
        if coding == "*":
            wildcard = not refused
    return wildcard


def is_modified(environ: dict[str, object], etag: str) -> bool:
    """Whether the client's copy is out of date.

    Tags are compared weakly, as proxies that compress make them (section 13.1.2). Of dates no
    notice is taken: a document may change twice within a second, and then ``If-Modified-Since``
    would keep the first for good (section 8.8.2.2).
    """
    tags = environ.get("HTTP_IF_NONE_MATCH")
    return tags is None or (etag not in str(tags) and str(tags).strip() != "*")


def artifact_response(artifact: Artifact) -> Response:
    """Answer with an artifact's bytes, a range of them, or 304.

    Raises:
        PreconditionFailed: ``If-Match`` names other bytes.
        RangeNotSatisfiable: the range lies outside.
    """
    require_match(artifact.etag)
    cache = ("public, " if artifact.is_public else "private, ") + _IMMUTABLE
    headers = Headers(
        [
            ("Content-Type", artifact.media_type),
            ("ETag", artifact.etag),
            ("Cache-Control", cache),
            ("Accept-Ranges", "bytes"),
            ("Last-Modified", http_date(artifact.published_at)),
        ]
    )
    if not is_modified(request.environ, artifact.etag):
        return Response(status=304, headers=headers)
    span = asked_span(artifact.size_bytes, etag=artifact.etag, modified_at=artifact.published_at)
    # The rest of a download that was broken off is none of its own.
    is_begun = request.method == "GET" and (span is None or span[0] == 0)
    if is_begun and artifact.download is not None:
        downloads.note(artifact.download)
    if span is None:
        return _whole(artifact, headers)
    start, length = span
    headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{artifact.size_bytes}"
    return _streamed(artifact, headers, start, length, status=206)


def _whole(artifact: Artifact, headers: Headers) -> Response:
    if artifact.size_bytes > _LARGEST_HOT_BYTES or request.method == "HEAD":
        return _streamed(artifact, headers, 0, artifact.size_bytes, status=200)
    body = b"".join(store.open(artifact.key, sha256=artifact.sha256))
    request.environ[HOT_ANSWER] = HotAnswer(
        headers=tuple((name, value) for name, value in headers if name != "ETag"),
        body=body,
        etag=artifact.etag,
        download=artifact.download,
    )
    return Response(body, headers=headers, direct_passthrough=True)


def _streamed(
    artifact: Artifact, headers: Headers, start: int, length: int, *, status: int
) -> Response:
    headers["Content-Length"] = str(length)
    if request.method == "HEAD":
        return Response(status=status, headers=headers)
    pieces: Iterator[bytes] = iter(store.open(artifact.key, start, length, sha256=artifact.sha256))
    return Response(pieces, status=status, headers=headers, direct_passthrough=True)
