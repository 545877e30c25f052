"""PyPI's documents of a project, and of all projects that a caller may read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from app.auth.principal import Principal
from app.extensions import coherence
from app.protocols.pypi import rendering
from app.protocols.pypi.identity import PROTOCOL_NAME
from app.protocols.pypi.negotiation import SimpleForm
from app.protocols.pypi.rendering import METADATA_SUFFIX, FileView, Project, Release, Status
from app.registry import listings, scope_repositories
from app.registry.documents import Document, DocumentKind, Snapshot, make_document
from app.registry.listings import Entry, ListKind
from app.registry.scopes import Scope

VARY = "Accept, Accept-Encoding, Authorization"

_JSON_TYPE = "application/json"
_NORMAL_NUMBER = re.compile(r"[0-9a-z.!+]+")

Names = tuple[tuple[str, str], ...]
"""Projects: of each its name in normal form, and as it is displayed."""


def _html(snapshot: Snapshot, base_url: str) -> bytes:
    return rendering.project_html(project_view(snapshot), base_url)


def _json(snapshot: Snapshot, base_url: str) -> bytes:
    return rendering.project_json(project_view(snapshot), base_url)


SIMPLE: Mapping[SimpleForm, DocumentKind] = {
    SimpleForm.HTML: DocumentKind(
        name="pypi/simple-html", media_type=SimpleForm.HTML, render=_html, manifests_of=frozenset()
    ),
    SimpleForm.HTML_V1: DocumentKind(
        name="pypi/simple-html-v1",
        media_type=SimpleForm.HTML_V1,
        render=_html,
        manifests_of=frozenset(),
    ),
    SimpleForm.JSON: DocumentKind(
        name="pypi/simple-json", media_type=SimpleForm.JSON, render=_json, manifests_of=frozenset()
    ),
}


def json_kind(number: str | None) -> DocumentKind:
    """Return the JSON API's document of a project, or of one release in normal form."""

    def render(snapshot: Snapshot, base_url: str) -> bytes:
        return rendering.json_document(
            project_view(snapshot), base_url, number=number, description=snapshot.readme
        )

    return DocumentKind(
        name="pypi/json" if number is None else f"pypi/json/{number}",
        media_type=_JSON_TYPE,
        render=render,
        is_shared=number is None,
        readme_of=number or "",
        manifests_of=frozenset({number or ""}),
    )


def project_view(snapshot: Snapshot) -> Project:
    """Read a package's rows as PyPI shows them."""
    package = snapshot.package
    return Project(
        name=package["name"],
        display=package["display_name"],
        serial=snapshot.revision,
        latest_number=package["latest_number"],
        status=Status(
            marker=package.get("status") or "active", reason=package.get("status_reason") or ""
        ),
        releases=rendering.in_order(_release(row) for row in snapshot.versions),
        alternate_locations=tuple(package.get("alternate_locations") or ()),
    )


def _release(row: dict[str, Any]) -> Release:
    metadata = {
        file["derived_from"]: file["sha256"]
        for file in row["files"]
        if file["filename"].endswith(METADATA_SUFFIX)
    }
    files = [
        _file(file, row, metadata.get(file["filename"], ""))
        for file in row["files"]
        if not file.get("derived_from")
    ]
    return Release(
        number=row["number"],
        display=row["display_number"],
        metadata=orjson.loads(row.get("manifest", b"{}")),  # of those that are shown
        files=tuple(sorted(files, key=lambda one: one.filename)),
        is_yanked=bool(row.get("is_yanked")),
        yank_reason=row.get("yank_reason") or "",
    )


def _file(file: dict[str, Any], row: dict[str, Any], metadata_sha256: str) -> FileView:
    facts = file.get("facts") or {}
    return FileView(
        filename=file["filename"],
        number=row["display_number"],
        size_bytes=file["size_bytes"],
        sha256=file["sha256"],
        md5=file["md5"],
        blake2b_256=file["blake2b_256"],
        requires_python=facts.get("requires_python") or "",
        package_type=facts["package_type"],
        python_tag=facts["python_tag"],
        uploaded_at=file["published_at"],
        metadata_sha256=metadata_sha256,
    )


class _Names:
    """The names of projects that are there; see ``listings.Fold``."""

    def __init__(self) -> None:
        self._display: dict[str, str] = {}

    def add(self, entries: Sequence[Entry]) -> None:
        """Take in entries; see ``format``."""
        for entry in entries:
            name, _, display = entry.text.partition(" ")
            if display:
                self._display[name] = display
            else:
                self._display.pop(name, None)

    def show(self) -> Names:
        """Return the names, sorted."""
        return tuple(sorted(self._display.items()))


_PROJECTS: ListKind[Names] = ListKind(name="pypi/projects", protocol=PROTOCOL_NAME, begin=_Names)


def projects_document(principal: Principal, scope: Scope, form: SimpleForm) -> Document:
    """Return the list of the projects in a scope that a caller may read.

    Raises:
        Unauthenticated, NotFound: as for ``scope_repositories.readable``.
    """
    found = scope_repositories.readable(principal, scope)
    base_path = urlsplit(scope.base_url).path + "simple/"

    def load() -> Document:
        names = listings.shown(_PROJECTS, found.ids, of_holders=found.is_platform)
        if form is SimpleForm.JSON:
            return make_document(rendering.projects_json(names), form)
        return make_document(rendering.projects_html(names, base_path), form)

    key = (_PROJECTS.name, found, form, base_path)
    return coherence.cached(key, load, size_bytes=lambda one: one.size_bytes)
