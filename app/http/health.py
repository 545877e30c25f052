"""Is it well? For people, load balancers and orchestrators (API.md, "Health")."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import orjson
import structlog
from flask import Blueprint, Flask, Response, current_app, redirect, request
from flask.blueprints import BlueprintSetupState
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

log = structlog.get_logger(__name__)

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
_ALL = frozenset(CHECKS)
_VITAL = frozenset({"mongodb", "storage"})  # without these, not even reads are whole
_REPORTS = "packhouse.health"
_REPORT_SECONDS = 1.0


class _Report:
    """What some checks found, which counts for a second.

    Anybody may ask, and to find out takes a connection to every service.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._lock = Lock()
        self._made_at = -_REPORT_SECONDS
        self._checks: dict[str, dict[str, Any]] = {}

    def read(self) -> dict[str, dict[str, Any]]:
        """Return it, made anew where it is old; all who wait for that get the same."""
        with self._lock:
            if time.monotonic() - self._made_at >= _REPORT_SECONDS:
                self._checks = _run_checks(self._names)
                self._made_at = time.monotonic()
            return self._checks


@blueprint.record
def _remember_reports(state: BlueprintSetupState) -> None:
    state.app.extensions[_REPORTS] = {names: _Report(names) for names in (_ALL, _VITAL)}


@blueprint.get("/health")
@blueprint.get("/healthz")
@takes_anyone
def health() -> Response:
    """Report on every part: 200 ``ok`` or ``degraded`` (reads work), 503 ``down``."""
    checks = _report(_ALL)
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
    checks = _report(_VITAL)
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


def _report(names: frozenset[str]) -> dict[str, dict[str, Any]]:
    report: _Report = current_app.extensions[_REPORTS][names]
    return report.read()


def _run_checks(names: frozenset[str]) -> dict[str, dict[str, Any]]:
    """Run checks side by side: a part that hangs delays the answer only once."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  threads need the app itself

    def run(name: str) -> dict[str, Any]:
        started = time.monotonic()
        with app.app_context():
            try:
                CHECKS[name]()
            except (PyMongoError, RedisError, RegistryError, OSError, CheckFailed) as error:
                log.warning(
                    "health.check_failed", check=name, error=f"{type(error).__name__}: {error}"
                )
                outcome = {"status": "failed", "error": _shown(error)}
            else:
                outcome = {"status": "ok"}
        return {**outcome, "latency_ms": round((time.monotonic() - started) * 1000, 1)}

    wanted = [name for name in CHECKS if name in names]
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        return dict(zip(wanted, pool.map(run, wanted), strict=True))


def _shown(error: Exception) -> str:
    """Return what anybody may know: a driver's own words name addresses, and go to the log."""
    kind = type(error).__name__
    return f"{kind}: {error}" if isinstance(error, RegistryError | CheckFailed) else kind


def _json(body: dict[str, Any], status: int) -> Response:
    response = Response(orjson.dumps(body), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
