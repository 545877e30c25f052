"""Pages and documents about projects: pure functions of rows to bytes.

Spec: Simple repository API 1.4 (PEP 503, 592, 629, 658, 691, 700, 708, 714, 740, 792); JSON API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import quote

import orjson

from app.errors import NotFound
from app.protocols.pypi.format import parsed_version

API_VERSION = "1.4"
METADATA_SUFFIX = ".metadata"
PROVENANCE_SUFFIX = ".provenance"

_ACTIVE = "active"
_QUARANTINED = "quarantined"


@dataclass(frozen=True, kw_only=True)
class Status:
    """Whether a project is cared for (PEP 792)."""

    marker: str = _ACTIVE
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class FileView:
    """One file of a release.

    Attributes:
        metadata_sha256: of the core metadata served beside it; empty where there is none.
    """

    filename: str
    number: str
    size_bytes: int
    sha256: str
    md5: str
    blake2b_256: str
    requires_python: str
    package_type: str
    python_tag: str
    uploaded_at: datetime
    metadata_sha256: str

    def url(self, name: str, base_url: str) -> str:
        """Return where it is; ``name`` is the project's in normal form."""
        return f"{base_url}files/{name}/{quote(self.number)}/{quote(self.filename)}"


@dataclass(frozen=True, kw_only=True)
class Release:
    """One version; ``number`` is in normal form, ``display`` as its first file spells it."""

    number: str
    display: str
    metadata: Mapping[str, Any]
    files: tuple[FileView, ...]
    is_yanked: bool
    yank_reason: str


@dataclass(frozen=True, kw_only=True)
class Project:
    """One project.

    Attributes:
        name: in normal form.
        serial: grows with each change.
        latest_number: of the release that speaks for it: not yanked, final, and the highest.
        releases: in the order of their versions.
        alternate_locations: where else its owner says that it is found (PEP 708).
    """

    name: str
    display: str
    serial: int
    latest_number: str
    status: Status
    releases: tuple[Release, ...]
    alternate_locations: tuple[str, ...] = ()

    @property
    def served_releases(self) -> tuple[Release, ...]:
        """Return the releases whose files are given out: none while it is quarantined."""
        return () if self.status.marker == _QUARANTINED else self.releases


def project_json(project: Project, base_url: str) -> bytes:
    """Render a project's page as JSON (PEP 691, 700)."""
    page: dict[str, Any] = {
        "meta": {"api-version": API_VERSION, "_last-serial": project.serial},
        "name": project.name,
        "project-status": _status(project.status),
        "versions": [one.display for one in project.served_releases],
        "files": [
            _file_json(file, release, project.name, base_url)
            for release in project.served_releases
            for file in release.files
        ],
    }
    if project.alternate_locations:
        page["alternate-locations"] = list(project.alternate_locations)
    return orjson.dumps(page)


def project_html(project: Project, base_url: str) -> bytes:
    """Render a project's page as HTML (PEP 503)."""
    names = [("pypi:repository-version", API_VERSION)]
    names.append(("pypi:project-status", project.status.marker))
    if project.status.reason:
        names.append(("pypi:project-status-reason", project.status.reason))
    names += [("pypi:alternate-locations", one) for one in project.alternate_locations]
    anchors = (
        _anchor(file, release, project.name, base_url)
        for release in project.served_releases
        for file in release.files
    )
    return _page(f"Links for {project.name}", names, anchors)


def projects_json(names: Sequence[tuple[str, str]]) -> bytes:
    """Render the list of projects as JSON.

    Args:
        names: of each, in normal form and as it is displayed.
    """
    return orjson.dumps(
        {
            "meta": {"api-version": API_VERSION},
            "projects": [{"name": display} for _normal, display in names],
        }
    )


def projects_html(names: Sequence[tuple[str, str]], base_path: str) -> bytes:
    """Render the list of projects as HTML.

    Args:
        names: of each, in normal form and as it is displayed.
        base_path: of the simple API.
    """
    # A display name needs no escaping: it is of letters, digits and ``.-_``.
    anchors = (f'<a href="{base_path}{normal}/">{display}</a>' for normal, display in names)
    return _page("Simple index", [("pypi:repository-version", API_VERSION)], anchors)


def json_document(
    project: Project, base_url: str, *, number: str | None, description: str
) -> bytes:
    """Render what the JSON API says of a project, or of one of its releases.

    Args:
        project: that is described.
        base_url: under which its files are.
        number: of the release, in normal form; None for the project.
        description: of the release that is described.

    Raises:
        NotFound: there is no such release.
    """
    release = _release(project, project.latest_number if number is None else number)
    document: dict[str, Any] = {
        "info": _info(project, release, base_url, description),
        "last_serial": project.serial,
    }
    if number is None:
        document["releases"] = {
            one.display: _urls(one, project.name, base_url) for one in project.served_releases
        }
    is_served = release in project.served_releases
    document["urls"] = _urls(release, project.name, base_url) if is_served else []
    document["vulnerabilities"] = []
    document["ownership"] = {"roles": [], "organization": None}
    return orjson.dumps(document)


def in_order(releases: Iterable[Release]) -> tuple[Release, ...]:
    """Return releases in the order of their versions."""
    return tuple(sorted(releases, key=lambda one: parsed_version(one.number)))


def _status(status: Status) -> dict[str, str]:
    shown = {"status": status.marker}
    if status.reason:
        shown["reason"] = status.reason
    return shown


def _file_json(file: FileView, release: Release, name: str, base_url: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "filename": file.filename,
        "url": file.url(name, base_url),
        "hashes": {"sha256": file.sha256},
        "requires-python": file.requires_python or None,
        "size": file.size_bytes,
        "upload-time": _instant(file.uploaded_at),
        "yanked": (release.yank_reason or True) if release.is_yanked else False,
        "core-metadata": _core_metadata(file),
        # Nothing that an upload brought along is verified, so nothing is vouched for.
        "provenance": None,
    }
    return shown


def _core_metadata(file: FileView) -> dict[str, str] | bool:
    return {"sha256": file.metadata_sha256} if file.metadata_sha256 else False


def _anchor(file: FileView, release: Release, name: str, base_url: str) -> str:
    attributes = [("href", f"{file.url(name, base_url)}#sha256={file.sha256}")]
    if file.requires_python:
        attributes.append(("data-requires-python", file.requires_python))
    if file.metadata_sha256:
        digest = f"sha256={file.metadata_sha256}"
        attributes += [("data-core-metadata", digest), ("data-dist-info-metadata", digest)]
    if release.is_yanked:
        attributes.append(("data-yanked", release.yank_reason))
    written = " ".join(f'{key}="{escape(value)}"' for key, value in attributes)
    return f"<a {written}>{escape(file.filename)}</a>"


def _page(title: str, names: Sequence[tuple[str, str]], anchors: Iterable[str]) -> bytes:
    metas = "".join(
        f'<meta name="{name}" content="{escape(content)}">\n' for name, content in names
    )
    links = "".join(f"{anchor}<br>\n" for anchor in anchors)
    return (
        "<!DOCTYPE html>\n<html><head>\n"
        f"{metas}<title>{title}</title></head><body><h1>{title}</h1>\n{links}</body></html>\n"
    ).encode()


def _release(project: Project, number: str) -> Release:
    for one in project.releases:
        if one.number == number:
            return one
    raise NotFound


def _info(project: Project, release: Release, base_url: str, description: str) -> dict[str, Any]:
    metadata = release.metadata
    page = f"{base_url}simple/{project.name}/"
    return {
        "name": project.display,
        "version": release.display,
        "summary": metadata.get("summary"),
        "description": description,
        "description_content_type": metadata.get("description_content_type"),
        "keywords": metadata.get("keywords"),
        "license": metadata.get("license"),
        "license_expression": metadata.get("license_expression"),
        "license_files": metadata.get("license_files"),
        "classifiers": metadata.get("classifiers") or [],
        "author": metadata.get("author"),
        "author_email": metadata.get("author_email"),
        "maintainer": metadata.get("maintainer"),
        "maintainer_email": metadata.get("maintainer_email"),
        "requires_python": metadata.get("requires_python"),
        "requires_dist": metadata.get("requires_dist") or None,
        "provides_extra": metadata.get("provides_extra") or None,
        "platform": metadata.get("platform"),
        "dynamic": metadata.get("dynamic") or None,
        "home_page": metadata.get("home_page"),
        "download_url": metadata.get("download_url"),
        "docs_url": None,
        "bugtrack_url": None,
        "package_url": page,
        "project_url": page,
        "release_url": f"{base_url}{project.name}/{quote(release.display)}/json",
        "project_urls": metadata.get("project_urls") or None,
        "downloads": {"last_day": -1, "last_week": -1, "last_month": -1},
        "yanked": release.is_yanked,
        "yanked_reason": (release.yank_reason or None) if release.is_yanked else None,
    }


def _urls(release: Release, name: str, base_url: str) -> list[dict[str, Any]]:
    return [_url(file, release, name, base_url) for file in release.files]


def _url(file: FileView, release: Release, name: str, base_url: str) -> dict[str, Any]:
    return {
        "filename": file.filename,
        "packagetype": file.package_type,
        "python_version": file.python_tag,
        "digests": {
            "md5": file.md5,
            "sha256": file.sha256,
            "blake2b_256": file.blake2b_256,
        },
        "md5_digest": file.md5,
        "size": file.size_bytes,
        "has_sig": False,
        "comment_text": "",
        "downloads": -1,
        "upload_time": file.uploaded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "upload_time_iso_8601": _instant(file.uploaded_at),
        "url": file.url(name, base_url),
        "requires_python": file.requires_python or None,
        "yanked": release.is_yanked,
        "yanked_reason": (release.yank_reason or None) if release.is_yanked else None,
        "core-metadata": _core_metadata(file),
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
