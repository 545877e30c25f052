"""Pushing and yanking gems."""

from __future__ import annotations

from flask import Response, request

from app.access import Action
from app.auth.current import confirmed_principal, current_principal
from app.errors import InvalidInput, NotFound
from app.extensions import store
from app.protocols.rubygems import changing, identity, publication
from app.protocols.rubygems.answers import text_response
from app.protocols.rubygems.parameters import read_parameters
from app.protocols.rubygems.routes import blueprint
from app.registry import resolution, scope_repositories, upload_forms
from app.registry.bodies import Body
from app.registry.scopes import current_scope
from app.registry.upload_forms import FormShape
from app.storage.base import PIECE_BYTES, Stage, Staged

_FORM = FormShape(file="gem", fields=frozenset({"attestations"}))
_FORM_BYTES = 1024 * 1024


@blueprint.post("/api/v1/gems")
def push() -> Response:
    """Take in a gem. Spec: RubyGems.org API, "Gem methods".

    It is the body itself, whatever its type says, or part of a form with attestations.
    """
    scope = current_scope()
    limit = scope_repositories.require_publisher(current_principal(), scope)

    def stage() -> Stage:
        return store.stage(limit_bytes=limit, what="The gem")

    attestations = None
    if request.mimetype == "multipart/form-data":
        whole = limit + upload_forms.MAX_FIELD_BYTES + _FORM_BYTES
        body = Body(request, limit_bytes=whole, what="The form")
        form = upload_forms.read_form(request.headers["Content-Type"], body, _FORM, stage)
        gem, attestations = form.content, form.fields.get("attestations")
    else:
        gem = _read_gem(Body(request, limit_bytes=limit, what="The gem"), stage())
    return text_response(publication.push(confirmed_principal(), scope, gem, attestations))


@blueprint.delete("/api/v1/gems/yank")
def yank() -> Response:
    """Yank one version for one platform; its number is never used again."""
    parameters = read_parameters()
    name, version = parameters.get("gem_name"), parameters.get("version")
    if not name or not version:
        raise InvalidInput("Say which gem to yank: 'gem_name' and 'version' are needed.")
    principal = current_principal()
    try:
        package = resolution.for_action(
            principal, current_scope(), identity.to_read(name), Action.MAINTAIN
        )
    except NotFound as error:
        raise NotFound("This gem could not be found.") from error
    shown = changing.yank(principal, package, version, parameters.get("platform") or "ruby")
    return text_response(f"Successfully deleted gem: {shown}")


def _read_gem(body: Body, stage: Stage) -> Staged:
    try:
        while piece := body.read(PIECE_BYTES):
            stage.write(piece)
        return stage.finish()
    except BaseException:
        stage.discard()
        raise
