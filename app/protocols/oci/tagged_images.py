"""Images as the management API shows them: each tag is a version, and so is each digest."""

from __future__ import annotations

from collections.abc import Sequence

from app.auth.principal import Principal
from app.errors import NotFound
from app.models import BlobLink, Manifest, ManifestTag
from app.models.rows import rows_of
from app.protocols.oci import manifests, names
from app.protocols.oci.names import Digest, Reference
from app.protocols.oci.refusals import DigestInvalid, TagInvalid
from app.registry.formats import Dependency
from app.registry.listing import UP, Page, PageRequest, Row, find_page
from app.registry.people import summaries
from app.registry.resolution import PackageRef
from app.registry.version_views import FileView, VersionView

_MANIFEST_FIELDS = ("sha256", "sha512", "media_type", "blobs", "pushed_by", "pushed_at")


class TaggedImages:
    """See ``VersionSource``."""

    def page(self, package: PackageRef, page: PageRequest) -> Page[VersionView]:
        """Return tags, in the order of their bytes."""
        order = [("name", UP)]
        found = find_page(rows_of(ManifestTag), {"package": package.id}, order, page)
        return found.shown_as(lambda tags: _views(package, tags))

    def get(self, package: PackageRef, number: str) -> VersionView:
        """Return what a tag or a digest names."""
        for view in _views(package, [_named(package, number)]):
            return view
        raise _no_version(package, number)  # deleted between the two looks

    def files(self, package: PackageRef, number: str) -> Sequence[FileView]:
        """Return a manifest and its blobs, each under its digest; not an index's children."""
        found = _manifests(package, [_named(package, number)["sha256"]])
        if not found:  # deleted between the two looks
            raise _no_version(package, number)
        manifest = found[0]
        links = rows_of(BlobLink).find(
            {"package": package.id, "sha256": {"$in": manifest["blobs"]}},
            {"sha256": 1, "sha512": 1, "size_bytes": 1},
        )
        return [
            _file(manifest, manifest["media_type"]),
            *(_file(link, "application/octet-stream") for link in links),
        ]

    def readme(self, package: PackageRef, number: str) -> str:
        """Return none: images have no README."""
        _named(package, number)
        return ""

    def dependencies(self, package: PackageRef, number: str) -> Sequence[Dependency]:
        """Return none: what an image needs is inside of it."""
        _named(package, number)
        return ()

    def delete(
        self, principal: Principal, package: PackageRef, number: str, *, expected_revision: int
    ) -> None:
        """Remove a tag, or a manifest with all of its tags."""
        reference = _reference(package, number)
        if isinstance(reference, Digest):
            manifests.delete_manifest(
                principal, package, reference, expected_revision=expected_revision
            )
        else:
            manifests.delete_tag(principal, package, reference, expected_revision=expected_revision)


def _named(package: PackageRef, number: str) -> Row:
    """Return the tag's row, or for a digest what would be one.

    Raises:
        NotFound: the package has none such.
    """
    reference = _reference(package, number)
    if isinstance(reference, str):
        found = rows_of(ManifestTag).find_one({"package": package.id, "name": reference})
    else:
        where = {"package": package.id, reference.algorithm: reference.hex}
        found = rows_of(Manifest).find_one(where, {"sha256": 1, "pushed_at": 1})
        if found is not None:
            found |= {"name": number, "moved_at": found["pushed_at"]}
    if found is None:
        raise _no_version(package, number)
    return found


def _reference(package: PackageRef, number: str) -> Reference:
    try:
        return names.parse_reference(number)
    except (DigestInvalid, TagInvalid) as error:
        raise _no_version(package, number) from error


def _no_version(package: PackageRef, number: str) -> NotFound:
    return NotFound(f"{package.name.display} has no tag or manifest {number}.")


def _views(package: PackageRef, tags: Sequence[Row]) -> list[VersionView]:
    found = {row["sha256"]: row for row in _manifests(package, [one["sha256"] for one in tags])}
    sizes = _blob_sizes(package, {sha256 for row in found.values() for sha256 in row["blobs"]})
    people = summaries(row["pushed_by"] for row in found.values() if row.get("pushed_by"))
    views = []
    for tag in tags:
        manifest = found.get(tag["sha256"])
        if manifest is None:  # deleted between the two looks
            continue
        pushed_by = manifest.get("pushed_by")
        views.append(
            VersionView(
                package_id=str(package.id),
                number=tag["name"],
                deprecated="",
                is_yanked=False,
                yank_reason="",
                size_bytes=manifest["size_bytes"]
                + sum(sizes.get(one, 0) for one in manifest["blobs"]),
                published_by=people.get(pushed_by) if pushed_by else None,
                published_at=tag["moved_at"],
            )
        )
    return views


def _manifests(package: PackageRef, digests: Sequence[str]) -> list[Row]:
    """Return manifests without their content, which may be large, but with its size."""
    shown = dict.fromkeys(_MANIFEST_FIELDS, 1) | {"size_bytes": {"$binarySize": "$content"}}
    return list(
        rows_of(Manifest).find({"package": package.id, "sha256": {"$in": list(digests)}}, shown)
    )


def _blob_sizes(package: PackageRef, digests: set[str]) -> dict[str, int]:
    links = rows_of(BlobLink).find(
        {"package": package.id, "sha256": {"$in": list(digests)}}, {"sha256": 1, "size_bytes": 1}
    )
    return {link["sha256"]: link["size_bytes"] for link in links}


def _file(row: Row, media_type: str) -> FileView:
    return FileView(
        filename=f"sha256:{row['sha256']}",
        size_bytes=row["size_bytes"],
        media_type=media_type,
        sha256=row["sha256"],
        sha512=row.get("sha512") or "",
    )
