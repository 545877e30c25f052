"""ETags of the management API: of what a resource's JSON says, whoever asks and whenever.

Spec: RFC 9110, sections 8.8.3 and 13.1.
"""

from __future__ import annotations

import base64
import hashlib

from flask import request

from app.errors import PreconditionFailed
from app.registry import conditions

_DIGEST_BYTES = 18


def etag_of(body: bytes) -> str:
    """Return a resource's ETag, without quotes."""
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:_DIGEST_BYTES]).decode()


def is_unmodified(etag: str) -> bool:
    """Say whether the client has this state of the resource already."""
    return request.if_none_match.contains_weak(etag)


def require_match(body: bytes) -> None:
    """Make sure that the client's change is meant for this state of the resource.

    Raises:
        PreconditionFailed: ``If-Match`` names others.
    """
    conditions.require_match(f'"{etag_of(body)}"')


def require_nothing_to_match() -> None:
    """Make sure that a change is not meant for a resource, where there is none yet.

    Raises:
        PreconditionFailed: ``If-Match`` names a state of it.
    """
    if "If-Match" in request.headers:
        raise PreconditionFailed("There is no such resource yet.")
