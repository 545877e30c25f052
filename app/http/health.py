"""Is it well? For people, load balancers and orchestrators (API.md, "Health")."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from flask import Blueprint, Flask, Response, current_app, redirect, request
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from werkzeug.wrappers import Response as AnyResponse

from app.auth.current import takes_anyone
from app.errors import RegistryError
from app.extensions import redis, settings, store
from app.heartbeat import HEARTBEAT_KEY
from app.models.connection import client
from app.registry import store_owner
from app.version import VERSION

blueprint = Blueprint("health", __name__)


class CheckFailed(Exception):
    """A part does not do what it is there for; the message says which and why."""


def _check_mongodb() -> None:
    client().admin.command("ping")


def _check_redis() -> None:
    redis.ping()


def _check_storage() -> None:
    store.check()


def _check_store_owner() -> None:
    try:
        store_owner.check()
    except store_owner.StoreNotOurs as error:
        raise CheckFailed(str(error)) from error


def _check_worker() -> None:
    if redis.get(settings.redis_prefix + HEARTBEAT_KEY) is None:
        raise CheckFailed("no sign of life from the worker and its schedule")


CHECKS: dict[str, Callable[[], None]] = {
    "mongodb": _check_mongodb,
    "storage": _check_storage,
    "store_owner": _check_store_owner,
    "redis": _check_redis,
    "worker": _check_worker,
}
_LONGEST_ERROR = 500
_VITAL = frozenset({"mongodb", "storage"})  # without these, not even reads are whole


@blueprint.get("/health")
@blueprint.get("/healthz")
@takes_anyone
def health() -> Response:
    """Report on every part: 200 ``ok`` or ``degraded`` (reads work), 503 ``down``."""
    checks = _run_checks()
    failed = {name for name, check in checks.items() if check["status"] != "ok"}
    status = "down" if failed & _VITAL else "degraded" if failed else "ok"
    body = {"status": status, "version": VERSION, "checks": checks}
    return _json(body, 503 if status == "down" else 200)


@blueprint.get("/livez")
@takes_anyone
def livez() -> Response:
    """Say that this process answers."""
    return _json({"status": "ok"}, 200)


@blueprint.get("/readyz")
@takes_anyone
def readyz() -> Response:
    """Say whether this process should be given requests: its database and store answer."""
    checks = _run_checks(_VITAL)
    is_ready = all(check["status"] == "ok" for check in checks.values())
    return _json(
        {"status": "ok" if is_ready else "down", "checks": checks}, 200 if is_ready else 503
    )


@blueprint.get("/")
@takes_anyone
def root() -> AnyResponse:
    """Lead a browser to the pages; answer every client that asks whether this is a registry."""
    if "text/html" in request.headers.get("Accept", ""):
        return redirect("/ui/")
    return _json({"name": "Packhouse", "version": VERSION}, 200)


def _run_checks(names: frozenset[str] | None = None) -> dict[str, dict[str, Any]]:
    """Run checks side by side: a part that hangs delays the answer only once."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  threads need the app itself

    def run(check: Callable[[], None]) -> dict[str, Any]:
        started = time.monotonic()
        with app.app_context():
            try:
                check()
            except (PyMongoError, RedisError, RegistryError, OSError, CheckFailed) as error:
                outcome = {
                    "status": "failed",
                    "error": f"{type(error).__name__}: {error}"[:_LONGEST_ERROR],
                }
            else:
                outcome = {"status": "ok"}
        return {**outcome, "latency_ms": round((time.monotonic() - started) * 1000, 1)}

    wanted = [name for name in CHECKS if names is None or name in names]
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        return dict(zip(wanted, pool.map(run, (CHECKS[name] for name in wanted)), strict=True))


def _json(body: dict[str, Any], status: int) -> Response:
    response = Response(orjson.dumps(body), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
