"""Numbers for Prometheus: requests, and what the memory of this process does.

gunicorn runs several processes; prometheus_client adds them up from files in the
directory that ``PROMETHEUS_MULTIPROC_DIR`` names (config/gunicorn.py sets it).
"""

from __future__ import annotations

import hmac
from collections import defaultdict

from flask import Blueprint, Response, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)

from app.auth.addresses import read_address
from app.auth.current import takes_anyone
from app.errors import Forbidden
from app.extensions import settings

blueprint = Blueprint("metrics", __name__)

REQUESTS = Counter("packhouse_requests_total", "Requests served", ("protocol", "method", "status"))
SECONDS = Histogram(
    "packhouse_request_seconds",
    "Time to the first byte of an answer that memory did not give",
    ("protocol",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
FLUSH_SECONDS = 5.0
_hot: defaultdict[tuple[str, str, str], int] = defaultdict(int)
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_FORWARDED = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)
_OTHER = "OTHER"  # a client may invent methods, and each label is kept for ever


def observe(protocol: str, method: str, status: int, seconds: float) -> None:
    """Count one answer that was made, and how long that took."""
    REQUESTS.labels(protocol, method if method in _METHODS else _OTHER, str(status)).inc()
    SECONDS.labels(protocol).observe(seconds)


def count_hot(protocol: str, method: str, status: str) -> None:
    """Count one answer from memory.

    The numbers that all processes share are in a file, and a step there takes half as long
    as such an answer: :func:`flush` takes many at once.
    """
    _hot[protocol, method, status] += 1


def flush() -> None:
    """Add the answers from memory to the numbers."""
    for labels in tuple(_hot):
        REQUESTS.labels(*labels).inc(_hot.pop(labels))


@blueprint.get("/metrics")
@takes_anyone
def metrics() -> Response:
    """Give the numbers to who may have them: this machine, or the holder of METRICS_TOKEN."""
    if not (_from_this_machine() or _has_token()):
        raise Forbidden(
            "Metrics are served to this machine, or with `Authorization: Bearer <METRICS_TOKEN>`."
        )
    flush()
    registry = CollectorRegistry()
    if values.ValueClass.__name__ == "MmapedValue":
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped
    else:
        registry.register(REQUESTS)
        registry.register(SECONDS)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _from_this_machine() -> bool:
    """Whether a program here asks for itself, and no proxy here for somebody else."""
    peer = read_address(request.remote_addr or "")
    is_here = peer is not None and peer.is_loopback
    return is_here and not any(name in request.headers for name in _FORWARDED)


def _has_token() -> bool:
    token = settings.metrics_token.get_secret_value()
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(token) and hmac.compare_digest(sent.encode(), token.encode())
