"""PyPI's endpoints (the wire contract is in docs/protocols/pypi.md)."""

from __future__ import annotations

from urllib.parse import quote

import orjson
from flask import Blueprint, Response, request

from app.auth.current import confirmed_principal, current_principal
from app.errors import InvalidInput, NotFound
from app.extensions import store
from app.protocols.pypi import attestations, documents, filenames, identity, publication
from app.protocols.pypi.negotiation import negotiate
from app.protocols.pypi.rendering import PROVENANCE_SUFFIX
from app.registry import downloads, resolution, scope_repositories, upload_forms
from app.registry.bodies import Body
from app.registry.documents import document_of
from app.registry.downloads import Artifact
from app.registry.responses import artifact_response, document_response, gives_artifacts
from app.registry.scopes import Scope, ScopeKind, current_scope

blueprint = Blueprint("pypi", __name__)

_ALGORITHMS = frozenset({"md5", "blake2b_256"})
_MULTIPART_BYTES = 1024 * 1024  # boundaries and headers of the form's parts
_PROVENANCE_TYPES = (attestations.MEDIA_TYPE, "application/json")
_FAULT = (
    "<?xml version='1.0'?>\n<methodResponse><fault><value><struct>"
    "<member><name>faultCode</name><value><int>-32500</int></value></member>"
    "<member><name>faultString</name><value><string>{sentence}</string></value></member>"
    "</struct></value></fault></methodResponse>\n"
)


@blueprint.get("/")
def root() -> Response:
    """Say what this is; some tools probe the repository's own URL."""
    scope = current_scope()
    body = {"simple": f"{scope.base_url}simple/", "upload": f"{scope.base_url}legacy/"}
    return Response(orjson.dumps(body), content_type="application/json")


@blueprint.get("/simple/", strict_slashes=False)
@blueprint.get("/+simple/", strict_slashes=False, endpoint="plus_simple_index")
def simple_index() -> Response:
    """List the projects. Spec: Simple repository API, "Project list"."""
    scope = current_scope()
    if not request.path.endswith("/"):
        return _moved(f"{scope.base_url}simple/")
    document = documents.projects_document(current_principal(), scope, negotiate(request))
    return document_response(
        document, vary=documents.VARY, may_be_hot=scope.kind is not ScopeKind.PLATFORM
    )


@blueprint.get("/simple/<name>/", strict_slashes=False)
@blueprint.get("/+simple/<name>/", strict_slashes=False, endpoint="plus_simple_project")
def simple_project(name: str) -> Response:
    """List a project's files. Spec: Simple repository API, "Project detail"."""
    scope = current_scope()
    project = identity.to_read(name)
    if name != project.normal or not request.path.endswith("/"):
        return _moved(f"{scope.base_url}simple/{project.normal}/")
    principal = current_principal()
    package = resolution.for_read(principal, scope, project)
    kind = documents.SIMPLE[negotiate(request)]
    return document_response(
        document_of(principal, package, kind, _base_url(scope)), vary=documents.VARY
    )


@blueprint.get("/<name>/json", strict_slashes=False)
@blueprint.get("/<name>/<version>/json", strict_slashes=False)
def json_document(name: str, version: str | None = None) -> Response:
    """Describe a project, or one of its releases. Spec: PyPI, "JSON API"."""
    scope = current_scope()
    project = identity.to_read(name)
    if name != project.normal:
        middle = "" if version is None else f"/{quote(version)}"
        return _moved(f"{_base_url(scope)}{project.normal}{middle}/json")
    number = None if version is None else _number(version)
    principal = current_principal()
    package = resolution.for_read(principal, scope, project)
    document = document_of(principal, package, documents.json_kind(number), _base_url(scope))
    return document_response(document, vary=documents.VARY)


@blueprint.get("/files/<name>/<version>/<filename>")
@gives_artifacts
def file(name: str, version: str, filename: str) -> Response:
    """Give a distribution, or the core metadata beside it (PEP 658)."""
    return artifact_response(_artifact(name, version, filename))


@blueprint.get("/integrity/<name>/<version>/<filename>/provenance")
def provenance(name: str, version: str, filename: str) -> Response:
    """Give the attestations that came with a file. Spec: PyPI, "Integrity API"."""
    accepted = request.accept_mimetypes
    if accepted and accepted.best_match(_PROVENANCE_TYPES) is None:
        return _message(f"Accept {attestations.MEDIA_TYPE}.", 406)
    try:
        return artifact_response(_artifact(name, version, filename + PROVENANCE_SUFFIX))
    except NotFound:
        return _message(f"No provenance available for {filename}", 404)


@blueprint.post("/legacy/", strict_slashes=False)
@blueprint.post("/", endpoint="upload_at_root")
def upload() -> Response:
    """Take in a distribution. Spec: PyPI, "Upload API".

    Who may publish nothing here is refused before the body is read; whoever may is asked for
    again when it is there, and it is known what it is.
    """
    scope = current_scope()
    if request.mimetype in {"text/xml", "application/xml"}:
        return _fault()
    limit = scope_repositories.require_publisher(current_principal(), scope)
    arrived = upload_forms.read_form(
        request.headers.get("Content-Type", ""),
        Body(
            request,
            limit_bytes=limit + upload_forms.MAX_FIELD_BYTES + _MULTIPART_BYTES,
            what="The upload",
            named_limit_bytes=limit,
        ),
        publication.FORM,
        stage=lambda: store.stage(limit_bytes=limit, what="The file", algorithms=_ALGORITHMS),
        check_fields=publication.require_action,
    )
    publication.publish(confirmed_principal(), scope, arrived)
    return Response(status=200, content_type="text/plain; charset=utf-8")


def _artifact(name: str, version: str, filename: str) -> Artifact:
    """Find a file under its only URL.

    Raises:
        NotFound: there is none, or the URL is not the one that was given out for it.
    """
    project = identity.to_read(name)
    found = downloads.find_artifact(current_principal(), current_scope(), project, filename)
    if name != project.normal or _number(version) != found.number:
        raise NotFound
    return found


def _number(version: str) -> str:
    try:
        return filenames.number_of(filenames.parse_version(version))
    except InvalidInput as error:
        raise NotFound from error


def _base_url(scope: Scope) -> str:
    """Return what the URLs of files begin with, by whatever path the page was asked for."""
    return f"{scope.root_url}pypi/"


def _moved(url: str) -> Response:
    query = request.query_string.decode("latin-1")  # may name the form that is asked for
    response = Response(status=301, headers={"Location": f"{url}?{query}" if query else url})
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _message(text: str, status: int) -> Response:
    return Response(orjson.dumps({"message": text}), status=status, content_type="application/json")


def _fault() -> Response:
    """Answer what is left of XML-RPC: ``pip search`` of old."""
    sentence = "XML-RPC is not supported. Search on the registry's pages, or by its API."
    return Response(_FAULT.format(sentence=sentence), content_type="text/xml; charset=utf-8")
