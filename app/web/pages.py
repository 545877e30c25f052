"""What every page shares: its blueprint, who is looking at it, and protection from forgery.

A signed-in browser holds two cookies that no script can read: an access token, and the
refresh token that renews it. A form is accepted only with a value that is bound to that
sign-in, so no other site can send one (double protection beside ``SameSite=Lax``).
"""

from __future__ import annotations

import hmac
from urllib.parse import quote, urlsplit

from flask import Blueprint, Response, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app.auth import secrets, sessions
from app.auth.current import current_client, current_principal
from app.auth.principal import ANONYMOUS, Principal
from app.auth.sessions import SignIn
from app.errors import Forbidden, RegistryError, Unauthenticated, UnsupportedMediaType
from app.extensions import settings
from app.version import VERSION

blueprint = Blueprint(
    "ui", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)

ACCESS_COOKIE = "packhouse_access"
REFRESH_COOKIE = "packhouse_refresh"
CSRF_FIELD = "csrf"
_COOKIE_PATH = "/ui"
_FORM = "application/x-www-form-urlencoded"
_LARGEST_FORM_BYTES = 64 * 1024
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@blueprint.before_request
def _recognise() -> None:
    """Find out who is looking: from the cookies, never from an Authorization header."""
    if request.endpoint == "ui.static":
        g.principal = ANONYMOUS  # Several at once: each would use the refresh token up.
        return
    g.principal = _principal_from_cookies()
    if request.method == "POST":
        _require_small_form()
        _require_own_form()


@blueprint.after_request
def _protect(response: Response) -> Response:
    renewed: SignIn | None = g.get("renewed_sign_in")
    if renewed is not None:
        set_sign_in(response, renewed)
    return _restricted(response)


def _restricted(response: Response) -> Response:
    """Say what a browser may do with an answer; a page that is not there is one, too."""
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != "ui.static":
        response.headers["Cache-Control"] = "no-store"
    return response


def page(template: str, *, status: int = 200, **values: object) -> Response:
    """Render a page."""
    body = render_template(
        template, principal=current_principal(), csrf=csrf_value(), version=VERSION, **values
    )
    return _restricted(Response(body, status=status, content_type="text/html; charset=utf-8"))


def error_page(error: RegistryError) -> AnyResponse:
    """Show an error to a person; who has to sign in is led there and back."""
    if isinstance(error, Unauthenticated) and request.method == "GET":
        return redirect(f"/ui/sign-in?next={quote(request.full_path.rstrip('?'))}")
    g.setdefault("principal", ANONYMOUS)
    return page("error.html", status=error.status, error=error)


def set_sign_in(response: AnyResponse, sign_in: SignIn) -> None:
    """Give the browser its cookies."""
    lifetime = settings.refresh_token_days * 24 * 3600
    for name, value in (
        (ACCESS_COOKIE, sign_in.access_token),
        (REFRESH_COOKIE, sign_in.refresh_token),
    ):
        response.set_cookie(
            name,
            value,
            max_age=lifetime,
            path=_COOKIE_PATH,
            httponly=True,
            samesite="Lax",
            secure=request.environ["packhouse.origin"].startswith("https:"),
        )


def forget_sign_in(response: AnyResponse) -> None:
    """Take the cookies back."""
    for name in (ACCESS_COOKIE, REFRESH_COOKIE):
        response.delete_cookie(name, path=_COOKIE_PATH)


def csrf_value() -> str:
    """Return what a form of this sign-in has to send back."""
    bound_to = current_principal().session_id or request.cookies.get(ACCESS_COOKIE, "")
    digest = hmac.digest(secrets.derived_key("page forms"), bound_to.encode(), "sha256")
    return digest.hex()


def safe_next(target: str | None) -> str:
    """Return where to go after signing in: a page of ours, whatever the URL says."""
    home = "/ui/"
    try:
        parts = urlsplit(target or "")
    except ValueError:  # half of an IPv6 address
        return home
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith("/ui/")
    return target if target and is_ours else home


def _principal_from_cookies() -> Principal:
    access = request.cookies.get(ACCESS_COOKIE)
    if access:
        try:
            return sessions.principal_from(access)
        except Unauthenticated:
            pass  # It ends after minutes; the refresh token then renews it.
    refresh = request.cookies.get(REFRESH_COOKIE)
    if not refresh:
        return ANONYMOUS
    try:
        g.renewed_sign_in = sessions.refresh(refresh, current_client(), is_shared=True)
        return sessions.principal_from(g.renewed_sign_in.access_token)
    except Unauthenticated:
        return ANONYMOUS


def _require_small_form() -> None:
    """Refuse what no form of ours sends: anybody may post, and files of a form go to the disk."""
    if request.mimetype != _FORM:
        raise UnsupportedMediaType(f"Send the form as {_FORM}.")
    request.max_content_length = _LARGEST_FORM_BYTES


def _require_own_form() -> None:
    origin = request.headers.get("Origin")
    if origin is not None and origin != request.environ["packhouse.origin"]:
        raise Forbidden("This form was sent from another site.")
    if current_principal().is_anonymous:
        return  # Signing in: there is no sign-in yet that another site could use.
    sent = request.form.get(CSRF_FIELD, "")
    if not hmac.compare_digest(sent.encode(), csrf_value().encode()):
        raise Forbidden("This form is out of date. Go back, reload the page, and send it again.")
