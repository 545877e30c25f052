"""What gem and bundler read: the compact index, the legacy one, gems and specifications."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Response, request
from werkzeug.datastructures import Headers
from werkzeug.http import http_date

from app.auth.current import current_principal
from app.errors import NotFound
from app.protocols.rubygems import documents, finding, identity
from app.protocols.rubygems.documents import SpecsFile
from app.protocols.rubygems.routes import blueprint
from app.registry import resolution, scope_repositories
from app.registry.appended import AppendedText, appended_response
from app.registry.documents import document_of
from app.registry.responses import artifact_response, document_response, gives_artifacts
from app.registry.scopes import ScopeKind, current_scope

_SEEN_WITHIN = timedelta(seconds=15)
"""From the moment that a change is dated by until all see it: a transaction has ten seconds."""


@blueprint.get("/")
def root() -> Response:
    """Answer gem 3.3 and older, which probe a source before they trust its index."""
    scope_repositories.readable(current_principal(), current_scope())
    return Response("Packhouse\n", content_type=documents.TEXT)


@blueprint.get("/versions")
def versions() -> Response:
    """Give every version of every gem. Spec: compact index, "/versions"."""
    return _index(documents.versions_text(current_principal(), current_scope()))


@blueprint.get("/names")
def names() -> Response:
    """Give the names of all gems. Spec: compact index, "/names"."""
    return _index(documents.names_text(current_principal(), current_scope()))


@blueprint.get("/info/<name>")
def info(name: str) -> Response:
    """Give a gem's versions with what they need. Spec: compact index, "/info"."""
    principal, scope = current_principal(), current_scope()
    package = resolution.for_read(principal, scope, identity.to_read(name))
    text = documents.info_text(principal, package)
    return appended_response(text, media_type=documents.TEXT, may_be_hot=True)


@blueprint.get("/gems/<filename>")
@gives_artifacts
def gem(filename: str) -> Response:
    """Give a gem."""
    found = finding.find_gem(current_principal(), current_scope(), filename)
    return artifact_response(found.artifact)


@blueprint.get("/quick/Marshal.4.8/<full_name>.gemspec.rz")
def specification(full_name: str) -> Response:
    """Give a gem's specification, as Marshal, deflated."""
    principal, scope = current_principal(), current_scope()
    found = finding.find_gem(principal, scope, f"{full_name}.gem")
    package = resolution.for_read(principal, scope, found.name)
    document = document_of(
        principal, package, documents.specification_kind(found.artifact.number), ""
    )
    return document_response(document, vary="Accept-Encoding, Authorization")


@blueprint.get("/specs.4.8.gz", defaults={"file": SpecsFile.RELEASED})
@blueprint.get("/prerelease_specs.4.8.gz", defaults={"file": SpecsFile.PRERELEASE})
@blueprint.get("/latest_specs.4.8.gz", defaults={"file": SpecsFile.LATEST})
def specs(file: SpecsFile) -> Response:
    """Give a file of the legacy index.

    What a client has of it is as old as its own copy's file, by its own clock, to the second. Who
    copied it soon after a change's date may have been too early to see the change, and a date
    that is still to come says nothing: then the file is given again. So it is where others may
    read other repositories, or the same reader others later: no date says so.
    """
    found = documents.specs(current_principal(), current_scope(), file)
    headers = Headers(
        [
            ("Content-Type", "application/x-gzip"),
            ("Cache-Control", "private, no-cache"),
            ("Vary", "Authorization"),
        ]
    )
    if found.changed_at is not None:
        headers["Last-Modified"] = http_date(found.changed_at)
        since = request.if_modified_since
        if since is not None and found.changed_at + _SEEN_WITHIN <= since <= datetime.now(UTC):
            return Response(status=304, headers=headers)
    return Response(found.body, headers=headers)


@blueprint.get("/api/v1/dependencies")
def dependencies() -> Response:
    """Send old bundlers on to the other indexes: this one is gone everywhere."""
    raise NotFound("The dependency API is gone. Use a bundler that reads /versions.")


def _index(text: AppendedText) -> Response:
    # At the platform scope nothing names all that the answer depends on.
    return appended_response(
        text,
        media_type=documents.TEXT,
        may_be_hot=current_scope().kind is not ScopeKind.PLATFORM,
    )
