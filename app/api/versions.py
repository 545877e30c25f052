"""``/packages/{package}/versions``."""

from __future__ import annotations

from dataclasses import dataclass

from marshmallow import fields

from app.api.edits import Check
from app.api.resource import Resource
from app.api.schemas import Content, Moment, Strict, UserSummarySchema, text
from app.auth.current import current_principal
from app.registry import version_management
from app.registry.formats import Dependency
from app.registry.listing import Page, PageRequest
from app.registry.version_management import Readme
from app.registry.version_views import FileView, VersionView

resource = Resource("versions", "Versions of a package, their files and what they need.")


@dataclass(frozen=True, kw_only=True)
class Yank:
    """Why a version is yanked."""

    reason: str = ""


class YankSchema(Content):
    """Why a version is yanked, or is not any more."""

    makes = Yank

    reason = text(load_default="")


class VersionSchema(Strict):
    """A version."""

    package_id = fields.String(required=True)
    number = fields.String(required=True)
    deprecated = fields.String(
        required=True, metadata={"description": "The message; empty where it is not."}
    )
    is_yanked = fields.Boolean(required=True)
    yank_reason = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    published_by = fields.Nested(UserSummarySchema, required=True, allow_none=True)
    published_at = Moment(required=True)


class FileSchema(Strict):
    """An artifact; digests are hexadecimal, and empty where they are not known."""

    filename = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    media_type = fields.String(required=True)
    sha256 = fields.String(required=True)
    sha1 = fields.String(required=True)
    sha512 = fields.String(required=True)
    md5 = fields.String(required=True)


class ReadmeSchema(Strict):
    """A README, as it is in the artifact; empty where there is none."""

    text = fields.String(required=True)


class DependencySchema(Strict):
    """What a version needs."""

    name = fields.String(required=True)
    requirement = fields.String(
        required=True, metadata={"description": "In the format's own syntax."}
    )
    kind = fields.String(
        required=True, metadata={"description": "In the words of the format's manifests."}
    )
    is_optional = fields.Boolean(required=True)


@resource.list("/packages/<package>/versions", item=VersionSchema)
def list_versions(page: PageRequest, package: str) -> Page[VersionView]:
    """List a package's versions, the newest first; an image's tags by name."""
    return version_management.list_versions(current_principal(), package, page)


@resource.read("/packages/<package>/versions/<version>", answer=VersionSchema)
def get_version(package: str, version: str) -> VersionView:
    """Get a version."""
    return version_management.get_version(current_principal(), package, version)


@resource.delete("/packages/<package>/versions/<version>", shown_as=VersionSchema)
def delete_version(check: Check[VersionView], package: str, version: str) -> None:
    """Delete a version; only tags of images can be used again."""
    version_management.delete_version(current_principal(), package, version, check=check)


@resource.command(
    "/packages/<package>/versions/<version>/yank", body=YankSchema, answer=VersionSchema
)
def yank_version(yank: Yank, package: str, version: str) -> VersionView:
    """Yank a version, so that nothing new begins to use it."""
    return version_management.set_yanked(
        current_principal(), package, version, yanked=True, reason=yank.reason
    )


@resource.command(
    "/packages/<package>/versions/<version>/unyank", body=YankSchema, answer=VersionSchema
)
def unyank_version(yank: Yank, package: str, version: str) -> VersionView:
    """Take a yank back."""
    return version_management.set_yanked(
        current_principal(), package, version, yanked=False, reason=yank.reason
    )


@resource.list("/packages/<package>/versions/<version>/files", item=FileSchema)
def list_files(page: PageRequest, package: str, version: str) -> Page[FileView]:
    """List a version's artifacts."""
    return version_management.list_files(current_principal(), package, version, page)


@resource.read("/packages/<package>/versions/<version>/readme", answer=ReadmeSchema)
def get_readme(package: str, version: str) -> Readme:
    """Get a version's README."""
    return version_management.get_readme(current_principal(), package, version)


@resource.list("/packages/<package>/versions/<version>/dependencies", item=DependencySchema)
def list_dependencies(page: PageRequest, package: str, version: str) -> Page[Dependency]:
    """List what a version says that it needs."""
    return version_management.list_dependencies(current_principal(), package, version, page)
