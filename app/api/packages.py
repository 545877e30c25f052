"""``/packages``."""

from __future__ import annotations

from marshmallow import fields, validate

from app.api.edits import Check, Edit
from app.api.resource import Resource
from app.api.schemas import (
    LONGEST_NAME,
    LONGEST_TEXT,
    WITHOUT_NUL,
    Content,
    Moment,
    PageQuery,
    Sequence,
    Strict,
    UserSummarySchema,
    text,
)
from app.auth.current import current_principal
from app.models import PackageStatus
from app.registry import package_management
from app.registry.listing import Page, PageRequest
from app.registry.package_management import SORT_ORDERS, PackageContent, PackageFilter, PackageView

_URL = r"^https?://[A-Za-z0-9.:\[\]-]+/[!-~]*$(?!\n)"  # the end, to Python and to JSON Schema
_MOST_LOCATIONS = 20

resource = Resource("packages", "Packages that you may read, whatever their format.")


def _filter(description: str, data_key: str | None = None) -> fields.String:
    return fields.String(
        load_default="",
        data_key=data_key,
        validate=[validate.Length(max=LONGEST_NAME), WITHOUT_NUL],
        metadata={"description": description},
    )


class PackagesQuery(PageQuery):
    """Which packages are wanted."""

    makes = PackageFilter

    text = _filter(
        "Words, each of which begins one of the name's, is in the summary, or is a keyword.",
        data_key="q",
    )
    protocol = _filter("The format.")
    organization = _filter("Id or slug.", data_key="org")
    repository = _filter("Id, or name together with `org`.")
    purl = _filter("A package URL; its version does not matter.")
    sort = fields.String(load_default="name", validate=validate.OneOf(list(SORT_ORDERS)))


class PackageContentSchema(Content):
    """What a package's maintainers say of it to its clients, where these are told (PyPI)."""

    makes = PackageContent

    status = fields.Enum(
        PackageStatus,
        by_value=True,
        load_default=PackageStatus.ACTIVE,
        metadata={
            "description": "`archived`: it takes no more versions; `quarantined`: it gives none."
        },
    )
    status_reason = text(load_default="")
    alternate_locations = Sequence(
        fields.String(
            validate=[
                validate.Length(max=LONGEST_TEXT),
                validate.Regexp(_URL, error="Give an http or https URL."),
            ]
        ),
        load_default=(),
        validate=validate.Length(max=_MOST_LOCATIONS),
        metadata={"description": "URLs under which other registries have the same project."},
    )


class PackageSchema(Strict):
    """A package."""

    id = fields.String(required=True)
    protocol = fields.String(required=True)
    name = fields.String(required=True)
    organization_id = fields.String(required=True)
    organization = fields.String(required=True, metadata={"description": "Its slug."})
    repository_id = fields.String(required=True)
    repository = fields.String(required=True, metadata={"description": "Its name."})
    summary = fields.String(required=True)
    keywords = fields.List(fields.String(), required=True)
    latest_version = fields.String(required=True)
    status = fields.Enum(PackageStatus, by_value=True, required=True)
    status_reason = fields.String(required=True)
    alternate_locations = Sequence(fields.String(), required=True)
    tags = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "Movable names, and the versions that they point at."},
    )
    owners = fields.List(fields.Nested(UserSummarySchema), required=True)
    published_at = Moment(required=True, metadata={"description": "Of its newest version."})
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


@resource.list("/packages", item=PackageSchema, query=PackagesQuery)
def list_packages(page: PageRequest, wanted: PackageFilter) -> Page[PackageView]:
    """List the packages that you may read."""
    return package_management.list_packages(current_principal(), wanted, page)


@resource.read("/packages/by-name/<protocol>/<organization>/<path:name>", answer=PackageSchema)
def get_package_by_name(protocol: str, organization: str, name: str) -> PackageView:
    """Get a package by its name, in one percent-encoded segment or as the rest of the path."""
    return package_management.get_package_by_name(current_principal(), protocol, organization, name)


@resource.read("/packages/<package>", answer=PackageSchema)
def get_package(package: str) -> PackageView:
    """Get a package."""
    return package_management.get_package(current_principal(), package)


@resource.edit("/packages/<package>", content=PackageContentSchema, answer=PackageSchema)
def update_package(edit: Edit[PackageView, PackageContent], package: str) -> PackageView:
    """Change a package's status, or where else it is: PyPI's clients are told."""
    return package_management.update_package(current_principal(), package, edit)


@resource.delete("/packages/<package>", shown_as=PackageSchema)
def delete_package(check: Check[PackageView], package: str) -> None:
    """Delete a package with all of its versions; the name stays its organization's."""
    package_management.delete_package(current_principal(), package, check=check)
