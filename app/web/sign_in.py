"""Signing in and out in the browser."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response

from app.auth import sessions
from app.auth.current import current_client, current_principal
from app.errors import TooManyRequests, Unauthenticated
from app.web.pages import blueprint, forget_sign_in, page, safe_next, set_sign_in


@blueprint.get("/sign-in")
def sign_in_page() -> Response:
    """Ask for e-mail or username, and password."""
    return page("sign_in.html", next=safe_next(request.args.get("next")), identifier="", error="")


@blueprint.post("/sign-in")
def sign_in() -> Response:
    """Check them, and lead on to where the visitor wanted to go."""
    identifier = request.form.get("identifier", "")
    target = safe_next(request.form.get("next"))
    try:
        made = sessions.sign_in(identifier, request.form.get("password", ""), current_client())
    except (Unauthenticated, TooManyRequests) as error:
        refused = page(
            "sign_in.html",
            status=error.status,
            next=target,
            identifier=identifier,
            error=error.message,
        )
        if error.retry_after_seconds is not None:
            refused.headers["Retry-After"] = str(error.retry_after_seconds)
        return refused
    response = redirect(target, code=303)
    set_sign_in(response, made)
    return response


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End the sign-in."""
    if not current_principal().is_anonymous:
        sessions.sign_out(current_principal())
    response = redirect("/ui/sign-in", code=303)
    forget_sign_in(response)
    return response
