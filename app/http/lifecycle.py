"""What happens around every view: who is calling, from where, and what it came to."""

from __future__ import annotations

import time
from typing import cast

import structlog
from flask import Flask, Request, Response, current_app, g, request
from flask.views import MethodView
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed
from werkzeug.wrappers import Response as AnyResponse

from app import audit
from app.auth import authentication
from app.auth.current import note_standing, noted_standing
from app.auth.principal import ClientInfo, Credentials, Principal
from app.errors import (
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    RegistryError,
    TooLarge,
    Unavailable,
    UnprocessableInput,
)
from app.http.errors import render_plain_error, render_problem
from app.http.hot_answers import REQUEST_ID
from app.http.metrics import observe
from app.http.routing import CLIENT, PROTOCOL, SCOPE
from app.http.traffic import STANDING, USE, Traffic, Use
from app.models.connection import UNREACHABLE
from app.protocols.base import PackageProtocol
from app.web.pages import error_page

log = structlog.get_logger(__name__)

_LONGEST_AGENT = 256
_PAGES = "/ui/"
_LARGEST_BODY_BYTES = 64 * 1024  # outside of the formats, where a view sets no limit of its own


def install(app: Flask) -> None:
    """Put the steps around the app's views."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_forget)
    app.register_error_handler(RegistryError, _render)
    app.register_error_handler(HTTPException, _render_http)
    app.register_error_handler(Exception, _render_unexpected)


def _begin() -> None:
    environ = request.environ
    client = ClientInfo(
        ip=environ[CLIENT],
        user_agent=(request.user_agent.string or "")[:_LONGEST_AGENT],
        request_id=environ[REQUEST_ID],
    )
    g.started = time.monotonic()
    g.client = client
    g.protocol = environ.get(PROTOCOL)
    g.scope = environ.get(SCOPE)
    if g.protocol is None:  # a format reads its bodies itself, within limits of its own
        request.max_content_length = _LARGEST_BODY_BYTES
    structlog.contextvars.bind_contextvars(request_id=client.request_id)
    audit.bind_request(ip=client.ip, user_agent=client.user_agent, request_id=client.request_id)
    _require_query_without_nul()
    if STANDING in environ:
        note_standing(environ[STANDING])
    if _is_marked("takes_anyone") or _is_no_method_of_the_api():
        _count(None)
        return
    principal = None  # who cannot sign in is counted by their address
    try:
        g.credentials = _credentials(g.protocol, request)
        g.principal = principal = authentication.authenticate(g.credentials, client)
    finally:
        _count(principal)


def _count(principal: Principal | None) -> None:
    """Count a package manager's request; the management API counts its own."""
    if g.protocol is None:
        return
    user_id = None if principal is None else principal.user_id
    use = Use(is_download=_is_marked("gives_artifacts"), user=str(user_id or ""))
    request.environ[USE] = use
    traffic: Traffic = current_app.extensions["packhouse.traffic"]
    standing = traffic.spend(use, request.environ)
    if standing is not None:
        note_standing(standing)


def _require_query_without_nul() -> None:
    """Refuse what no database takes: MongoDB fails on it where it looks for a text."""
    if "%00" not in request.environ["QUERY_STRING"]:
        return
    fields = {
        f"/{name}": "Must not hold a NUL character."
        for name, value in request.args.items(multi=True)
        if "\0" in value
    }
    if fields:
        raise UnprocessableInput("The query must not hold a NUL character.", fields)


def _credentials(protocol: PackageProtocol | None, asked: Request) -> Credentials | None:
    if protocol is not None:
        return protocol.read_credentials(asked)
    if asked.path.startswith(_PAGES):
        return None  # They know their visitors by cookies alone.
    return authentication.read_authorization_header(asked.headers.get("Authorization"))


def _is_no_method_of_the_api() -> bool:
    """Whether it is a 405 outside of the formats, whatever credentials came along."""
    return g.protocol is None and isinstance(request.routing_exception, WerkzeugMethodNotAllowed)


def _is_marked(name: str) -> bool:
    """Whether the view is marked, by ``takes_anyone`` or ``gives_artifacts``."""
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None:
        return False
    view_class = cast("type[MethodView] | None", getattr(view, "view_class", None))
    if view_class is not None:
        view = getattr(view_class, request.method.lower(), view)
    return bool(getattr(view, name, False))


def _finish(response: Response) -> Response:
    seconds = time.monotonic() - g.started
    response.headers["X-Request-Id"] = g.client.request_id
    standing = noted_standing()
    if standing is not None:
        response.headers.update(standing.headers)
    protocol = g.protocol.name if g.protocol is not None else "platform"
    observe(protocol, request.method, response.status_code, seconds)
    log.info(
        "request.finished",
        method=request.method,
        path=request.environ.get("RAW_URI", request.path),
        status=response.status_code,
        milliseconds=round(seconds * 1000, 1),
        protocol=protocol,
        ip=g.client.ip,
        user_agent=g.client.user_agent,
    )
    return response


def _forget(_error: BaseException | None) -> None:
    structlog.contextvars.clear_contextvars()
    audit.unbind_request()


def _render(error: RegistryError) -> AnyResponse:
    if isinstance(error, Unavailable):
        log.warning("request.unavailable", cause=repr(error.__cause__))
    protocol: PackageProtocol | None = g.get("protocol")
    if protocol is not None:
        return protocol.render_error(error)
    if request.path.startswith("/api/"):
        return render_problem(error)
    if request.path.startswith(_PAGES):
        return error_page(error)
    return render_plain_error(error)


def _render_http(error: HTTPException) -> AnyResponse:
    """Turn what Flask itself refuses into our own error, so that it gets the client's form."""
    if isinstance(error, WerkzeugMethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        response = _render(
            MethodNotAllowed(f"{request.method} is not possible here. Possible: {allowed}.")
        )
        response.headers["Allow"] = allowed
        return response
    if error.code == 404:  # noqa: PLR2004
        return _render(NotFound())
    if error.code == 413:  # noqa: PLR2004
        return _render(TooLarge("The request body", request.max_content_length or 0))
    if error.code is not None and 300 <= error.code < 400:  # noqa: PLR2004
        return error.get_response()
    if error.code is not None and error.code < 500:  # noqa: PLR2004
        return _render(InvalidInput(error.description or error.name))
    return _render_unexpected(error)


def _render_unexpected(error: Exception) -> AnyResponse:
    if isinstance(error, (*UNREACHABLE, RedisError)):
        log.warning("service.unreachable", error=type(error).__name__)
        return _render(Unavailable())
    if isinstance(error, PyMongoError):
        log.error("database.failed", exc_info=error)
        return _render(Unavailable())
    log.error("request.failed", exc_info=error)
    return _render(RegistryError("The registry failed to answer. The operator's log says why."))
