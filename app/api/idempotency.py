"""``Idempotency-Key``: a POST that is sent again is not done again.

The first answer is kept in Redis for a day, under the caller and the key, with a
fingerprint of the request. Only what succeeded is kept: a refusal changed nothing, so the
request may be sent again, corrected or not. Where we failed, nobody knows what was done:
the key stays claimed until its claim runs out. A secret is not kept at all.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

import orjson
import structlog
from flask import Response, g, request
from redis.exceptions import RedisError

from app.api.parsing import read_body
from app.auth.current import known_principal
from app.errors import Conflict, InvalidInput, UnprocessableInput
from app.extensions import redis, settings

log = structlog.get_logger(__name__)

KEPT_SECONDS = 24 * 3600
_RUNNING_SECONDS = 60  # a process that died holds a key for so long
_LONGEST_KEY = 255
_KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Cache-Control", "Vary")
_HEADER = "Idempotency-Key"
_CLAIM = "idempotency_claim"

# Not if the claim ran out meanwhile, and another request has the key now.
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""


class KeyReused(UnprocessableInput):
    """The key was used before, for something else."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request. Use a new key for a new request."
        )


class RequestInProgress(Conflict):
    """The request with this key has not been answered yet."""

    code = "request_in_progress"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is still being worked on.",
            retry_after_seconds=1,
        )


class SecretNotRepeated(Conflict):
    """The answer held a secret, which is shown once."""

    code = "secret_not_repeated"

    def __init__(self) -> None:
        super().__init__(
            "This was done, and its answer held a secret, which is never shown again. "
            "If you have not got it, undo what was made and make it anew."
        )


def begin() -> Response | None:
    """Claim the request's key, or give the answer that was given before.

    Raises:
        KeyReused: it was used for another request.
        RequestInProgress: it is being used right now.
        SecretNotRepeated: what was answered is not answered again.
    """
    key = request.headers.get(_HEADER)
    if request.method != "POST" or key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise InvalidInput(f"An {_HEADER} has 1 to {_LONGEST_KEY} printable ASCII characters.")
    name = _name(key)
    fingerprint = _fingerprint()
    claim = orjson.dumps({"fingerprint": fingerprint, "claimed_by": uuid4().hex})
    if redis.set(name, claim, nx=True, ex=_RUNNING_SECONDS):
        g.idempotency_claim = (name, fingerprint, claim)
        return None
    kept: bytes | str | None = redis.get(name)
    if kept is None:
        raise RequestInProgress  # It ended just now; the client may look again.
    return _answer_again(orjson.loads(kept), fingerprint)


def finish(response: Response) -> Response:
    """Keep the answer of a request that claimed a key, or release the key.

    An answer that says that we failed does neither.
    """
    claim = g.pop(_CLAIM, None)
    if claim is None:
        return response
    name, fingerprint, claimed = claim
    try:
        if 200 <= response.status_code < 300:  # noqa: PLR2004  success
            redis.set(name, _kept(response, fingerprint), ex=KEPT_SECONDS)
        elif response.status_code < 500:  # noqa: PLR2004  refused
            redis.eval(_RELEASE, 1, name, claimed)
    except RedisError as error:
        # It is done, and the client is told. Sent again, it meets what it made.
        log.warning("idempotency.not_kept", error=type(error).__name__)
    return response


def _answer_again(kept: dict[str, Any], fingerprint: str) -> Response:
    if kept["fingerprint"] != fingerprint:
        raise KeyReused
    if kept.get("is_secret"):
        raise SecretNotRepeated
    if "status" not in kept:
        raise RequestInProgress
    response = Response(kept["body"], status=kept["status"], headers=kept["headers"])
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _kept(response: Response, fingerprint: str) -> bytes:
    if response.cache_control.no_store:
        return orjson.dumps({"fingerprint": fingerprint, "is_secret": True})
    return orjson.dumps(
        {
            "fingerprint": fingerprint,
            "status": response.status_code,
            "headers": {
                name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers
            },
            "body": response.get_data(as_text=True),
        }
    )


def _name(key: str) -> str:
    principal = known_principal()
    if principal is None or principal.is_anonymous:
        caller = f"address {g.client.ip}"
    else:
        caller = f"user {principal.user_id} {principal.token_id or ''}"
    digest = hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()
    return f"{settings.redis_prefix}idempotency:{digest}"


def _fingerprint() -> str:
    digest = hashlib.sha256(request.full_path.encode("utf-8", "surrogatepass") + b"\n")
    digest.update(read_body(request))
    return digest.hexdigest()
