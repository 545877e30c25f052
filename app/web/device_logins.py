"""Approving the sign-in of a command-line client."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from app.auth import device_logins
from app.auth.current import current_client, current_principal
from app.errors import Unauthenticated
from app.web.pages import blueprint, page


@blueprint.get("/cli-login/<public_id>")
def cli_login_page(public_id: str) -> Response:
    """Show who asks, and from where, before anything is given."""
    if current_principal().is_anonymous:
        raise Unauthenticated
    login, client = device_logins.pending(public_id), current_client()
    return page(
        "cli_login.html",
        login=login,
        client=client,
        is_elsewhere=device_logins.is_elsewhere(login, client),
    )


@blueprint.post("/cli-login/<public_id>")
def decide_cli_login(public_id: str) -> Response:
    """Approve or turn down."""
    if request.form.get("decision") == "approve":
        device_logins.approve(current_principal(), public_id)
        return page(
            "message.html",
            title="Signed in",
            message="You can close this page and go back to your terminal.",
        )
    device_logins.deny(current_principal(), public_id)
    return page("message.html", title="Turned down", message="The client gets no access.")
