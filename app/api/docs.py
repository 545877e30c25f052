"""``/api/docs``: the OpenAPI document as a page, and what each error code means.

Made on the server from the document itself: there is nothing to load from elsewhere, and
nothing that could say something else than the document does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, render_template

from app.auth.current import takes_anyone
from app.errors import RegistryError

Document = dict[str, Any]  # an OpenAPI document


@dataclass(frozen=True, kw_only=True)
class ErrorCode:
    """A ``code`` of problem details, and what happened where it is given."""

    code: str
    status: int
    meaning: str


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


def error_codes() -> list[ErrorCode]:
    """Return every code that a client may see."""
    known = {kind.code: kind for kind in _kinds(RegistryError)}
    return [
        ErrorCode(code=code, status=kind.status, meaning=(kind.__doc__ or "").partition("\n")[0])
        for code, kind in known.items()
    ]


def _kinds(kind: type[RegistryError]) -> Iterator[type[RegistryError]]:
    """Yield a kind of error after those below it: who names a code first, explains it."""
    for inner in kind.__subclasses__():
        yield from _kinds(inner)
    yield kind
