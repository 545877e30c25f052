"""``/api/docs``: the OpenAPI document as a page, and what each error code means.

Made on the server from the document itself: there is nothing to load from elsewhere, and
nothing that could say something else than the document does.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, render_template

from app.api.error_codes import error_codes
from app.auth.current import takes_anyone

Document = dict[str, Any]  # an OpenAPI document


def install(app: Flask, document: Document) -> None:
    """Serve the page of a document."""
    blueprint = Blueprint("api-docs", __name__, template_folder="templates")

    @blueprint.get("/api/docs")
    @takes_anyone
    def api_docs() -> str:
        return render_template(
            "api_docs.html",
            document=document,
            errors=sorted(error_codes(), key=lambda one: (one.status, one.code)),
        )

    app.register_blueprint(blueprint)
