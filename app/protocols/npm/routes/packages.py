"""Packuments, manifests and tarballs: reading, publishing, changing, unpublishing."""

from __future__ import annotations

from typing import NoReturn

from flask import Response, request

from app import access
from app.access import Action, RepositoryFacts
from app.auth.current import confirmed_principal, current_principal
from app.errors import Forbidden, InvalidInput, NotFound, TooLarge, Unauthenticated
from app.extensions import store
from app.protocols.npm import changing, documents, identity, names, parsing, publication, rendering
from app.protocols.npm.answers import json_response
from app.protocols.npm.routes import blueprint
from app.registry import deletion, downloads, quotas, resolution
from app.registry.bodies import Body
from app.registry.documents import document_of
from app.registry.names import PackageName
from app.registry.resolution import PackageRef
from app.registry.responses import artifact_response, document_response, gives_artifacts
from app.registry.scopes import current_scope

_LARGEST_DOCUMENT_BYTES = 32 * 1024 * 1024
_LARGEST_STAR_BYTES = 1024 * 1024
_BASE64_GROWTH = 1.4
_ALGORITHMS = frozenset({"sha1", "sha512"})


@blueprint.get("/")
def root() -> Response:
    """Say what this is; some tools probe the registry's own URL."""
    return json_response({"db_name": "registry", "engine": "packhouse"})


@blueprint.get("/<npm_name:name>")
def packument(name: str) -> Response:
    """Give the packument, full or abbreviated."""
    principal, scope = current_principal(), current_scope()
    package = resolution.for_read(principal, scope, identity.to_read(name))
    is_for_change = request.args.get("write") == "true"
    if documents.wants_abbreviated() and not is_for_change:
        kind = documents.ABBREVIATED
    else:
        kind = documents.FULL
    document = document_of(principal, package, kind, scope.base_url)
    if is_for_change:
        response = Response(document.body, content_type=document.media_type)
        response.headers["Cache-Control"] = "no-store"
        return response
    return document_response(document, vary=documents.VARY)


@blueprint.get("/<npm_name:name>/<reference>")
def manifest(name: str, reference: str) -> Response:
    """Give one version's manifest, by number or tag."""
    principal, scope = current_principal(), current_scope()
    package = resolution.for_read(principal, scope, identity.to_read(name))
    kind = documents.manifest_kind(reference)
    return document_response(
        document_of(principal, package, kind, scope.base_url), vary=documents.VARY
    )


@blueprint.get("/<npm_name:name>/-/<path:tail>")
@gives_artifacts
def tarball(name: str, tail: str) -> Response:
    """Give a version's bytes, under its canonical or any of its older URLs."""
    found = names.parse_name(name)
    return artifact_response(
        downloads.find_artifact(
            current_principal(),
            current_scope(),
            identity.shared_name(found),
            _filename(found, tail),
        )
    )


@blueprint.put("/<npm_name:name>")
def put_package(name: str) -> Response:
    """Take what npm sends to a package's own URL: a publish, a deprecation, a star.

    Who may write nothing there is refused before the body is read; whoever may write is asked
    for again when it is there.
    """
    principal, scope = current_principal(), current_scope()
    if principal.is_anonymous:
        raise Unauthenticated("You must sign in to publish: npm login, or set an access token.")
    found = names.parse_new_name(name)
    shared = identity.shared_name(found)
    package = resolution.locate(scope, shared)
    if package is None or not resolution.is_shown_to(principal, package):
        target = resolution.for_publish(principal, scope, shared)
        with _read_body(target.repository) as body:
            change = parsing.classify(body, found)
            if isinstance(change, parsing.Deprecation):
                raise InvalidInput("A publish holds exactly one tarball, in '_attachments'.")
            if not isinstance(change, parsing.Publish):
                raise NotFound
            return _publish(shared, change)
    with _read_what_is_allowed(package) as body:
        change = parsing.classify(body, found)
        if isinstance(change, parsing.Publish):
            return _publish(shared, change)
        package = resolution.for_read(confirmed_principal(), scope, shared)
        if isinstance(change, parsing.Deprecation):
            return _changed(package, changing.deprecate(current_principal(), package, change))
        if isinstance(change, parsing.Star):
            return _changed(package, changing.star(current_principal(), package, change))
        raise InvalidInput("Owners and removals go to the package's URL with /-rev/<revision>.")


@blueprint.put("/<npm_name:name>/-rev/<revision>")
def put_revision(name: str, revision: str) -> Response:
    """Take a change of owners, or a packument without the versions to withdraw."""
    scope = current_scope()
    found = names.parse_name(name)
    shared = identity.shared_name(found)
    package = resolution.for_action(current_principal(), scope, shared, Action.MAINTAIN)
    with _read_body(package.repository) as body:
        change = parsing.classify(body, found, revision=revision)
        principal = confirmed_principal()
        package = resolution.for_action(principal, scope, shared, Action.MAINTAIN)
        if isinstance(change, parsing.Owners):
            return _changed(package, changing.replace_owners(principal, package, change))
        if isinstance(change, parsing.Removal):
            return _changed(package, changing.remove_versions(principal, package, change))
        raise InvalidInput("Publishes go to the package's own URL.")


@blueprint.delete("/<npm_name:name>/-rev/<revision>")
def delete_package(name: str, revision: str) -> Response:
    """Unpublish the whole package; its name stays its organization's."""
    package = resolution.for_action(
        current_principal(), current_scope(), identity.to_read(name), Action.DELETE
    )
    deletion.delete_package(
        current_principal(),
        package,
        expected_revision=changing.expected_revision(package, revision),
    )
    return json_response({"ok": True})


@blueprint.delete("/<npm_name:name>/-/<path:tail>/-rev/<revision>")
def delete_tarball(name: str, tail: str, revision: str) -> Response:
    """Withdraw the version whose tarball this is.

    npm asks for it after it has removed the version by a PUT: then there is nothing left
    to do, and that is no error.
    """
    found = names.parse_name(name)
    package = resolution.for_action(
        current_principal(), current_scope(), identity.shared_name(found), Action.DELETE
    )
    changing.withdraw_tarball(
        current_principal(), package, _filename(found, tail), revision=revision
    )
    return json_response({"ok": True})


def _read_what_is_allowed(package: PackageRef) -> parsing.Body:
    """Read the body of a change to a package; of who only reads, no more than a star takes."""
    principal, repository = current_principal(), package.repository
    for action in (Action.PUBLISH, Action.MAINTAIN):
        if access.may(principal, action, repository, package=package.name.normal):
            return _read_body(repository)

    def refuse(action: Action) -> NoReturn:
        access.require(principal, action, repository, package=package.name.normal)
        raise Forbidden(f"You may not change {package.name.display}.")

    try:
        return parsing.read_publish(
            Body(request, limit_bytes=_LARGEST_STAR_BYTES, what="The package document"),
            limit_document_bytes=_LARGEST_STAR_BYTES,
            stage=lambda: refuse(Action.PUBLISH),
        )
    except TooLarge:
        refuse(Action.MAINTAIN)


def _read_body(repository: RepositoryFacts) -> parsing.Body:
    limit = quotas.largest_file_bytes(repository)
    whole = int(limit * _BASE64_GROWTH) + _LARGEST_DOCUMENT_BYTES
    return parsing.read_publish(
        Body(request, limit_bytes=whole, what="The package document"),
        limit_document_bytes=_LARGEST_DOCUMENT_BYTES,
        stage=lambda: store.stage(limit_bytes=limit, what="The tarball", algorithms=_ALGORITHMS),
    )


def _publish(name: PackageName, change: parsing.Publish) -> Response:
    principal = confirmed_principal()
    target = resolution.for_publish(principal, current_scope(), name)
    published = publication.publish(principal, target, change)
    revision = rendering.revision_id(str(published.package_id), published.revision)
    body = {"ok": True, "id": target.name.display, "rev": revision, "success": True}
    return json_response(body, status=201)


def _changed(package: PackageRef, revision: int) -> Response:
    return json_response(
        {
            "ok": True,
            "id": package.name.display,
            "rev": rendering.revision_id(str(package.id), revision),
        },
        status=201,
    )


def _filename(name: names.PackageName, tail: str) -> str:
    """Return the file that a tarball URL means.

    Besides ``thing-1.4.0.tgz`` there is ``@acme/thing-1.4.0.tgz``, which publishers write
    into ``dist.tarball`` and old lockfiles hold.
    """
    if name.scope is not None:
        tail = tail.removeprefix(f"@{name.scope}/")
    if "/" in tail:
        raise NotFound
    return tail
