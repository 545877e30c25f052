"""The first page: where to point a client."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from app.web.pages import blueprint, page


@blueprint.get("/")
def home() -> Response:
    """Show how each client is set up, with the addresses of this very registry."""
    return page("home.html", origin=request.environ["packhouse.origin"])
