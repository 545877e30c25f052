"""npm's documents of a package, and the requests that choose between them."""

from __future__ import annotations

from typing import Any

from flask import request

from app.protocols.npm import rendering
from app.registry.documents import DocumentKind, Person, Snapshot

ABBREVIATED_TYPE = "application/vnd.npm.install-v1+json"
FULL_TYPE = "application/json; charset=utf-8"
VARY = "Accept, Accept-Encoding, Authorization"


def _full(snapshot: Snapshot, base_url: str) -> bytes:
    return rendering.render_packument(package_view(snapshot), base_url)


def _abbreviated(snapshot: Snapshot, base_url: str) -> bytes:
    return rendering.render_abbreviated(package_view(snapshot), base_url)


FULL = DocumentKind(name="npm/packument", media_type=FULL_TYPE, render=_full)
ABBREVIATED = DocumentKind(
    name="npm/packument-abbreviated", media_type=ABBREVIATED_TYPE, render=_abbreviated
)


def manifest_kind(reference: str) -> DocumentKind:
    """Return the document of one version, named by number or tag."""

    def render(snapshot: Snapshot, base_url: str) -> bytes:
        return rendering.render_manifest(package_view(snapshot), reference, base_url)

    return DocumentKind(
        name=f"npm/manifest/{reference}", media_type=FULL_TYPE, render=render, is_shared=False
    )


def package_view(snapshot: Snapshot) -> rendering.PackageView:
    """Read a package's rows as npm shows them."""
    package = snapshot.package
    return rendering.PackageView(
        name=package["display_name"],
        package_id=str(package["_id"]),
        revision=snapshot.revision,
        tags={one["name"]: one["number"] for one in package.get("tags", ())},
        versions=[_version_view(one) for one in snapshot.versions],
        withdrawn={one["number"]: one["published_at"] for one in snapshot.withdrawn},
        created_at=package["created_at"],
        modified_at=package["updated_at"],
        maintainers=[
            (person.username, person.email)
            for person in _people(snapshot, package.get("owners", ()))
        ],
        stars=[person.username for person in _people(snapshot, package.get("starred_by", ()))],
        readme=snapshot.readme,
    )


def _people(snapshot: Snapshot, ids: list[Any]) -> list[Person]:
    return [snapshot.people[one] for one in ids if one in snapshot.people]


def _version_view(row: dict[str, Any]) -> rendering.VersionView:
    file = row["files"][0]
    facts = row.get("facts") or {}
    return rendering.VersionView(
        number=row["number"],
        manifest=bytes(row["manifest"]),
        filename=file["filename"],
        sha1=file["sha1"],
        sha512=file["sha512"],
        file_count=facts.get("file_count", 0),
        unpacked_size=facts.get("unpacked_size", 0),
        signatures=list(facts.get("signatures", ())),
        deprecated=row.get("deprecated") or "",
        published_at=row["published_at"],
    )


def wants_abbreviated() -> bool:
    """Whether ``Accept`` prefers the abbreviated form; never a reason for 406."""
    accepted = request.accept_mimetypes
    quality = accepted.quality(ABBREVIATED_TYPE) if _names_it() else 0
    return quality > 0 and quality >= _plain_quality()


def _names_it() -> bool:
    return any(value == ABBREVIATED_TYPE for value in request.accept_mimetypes.values())


def _plain_quality() -> float:
    return next(
        (weight for value, weight in request.accept_mimetypes if value == "application/json"), 0.0
    )
