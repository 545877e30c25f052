"""``/organizations/{organization}/tombstones``."""

from __future__ import annotations

from marshmallow import fields, validate

from app.api.resource import Resource
from app.api.schemas import LONGEST_NAME, WITHOUT_NUL, Moment, PageQuery, Strict, UserSummarySchema
from app.auth.current import current_principal
from app.registry import tombstones
from app.registry.listing import Page, PageRequest
from app.registry.tombstones import TombstoneFilter, TombstoneView, WithdrawnVersionView

resource = Resource("tombstones", "Deleted packages: their names and numbers stay taken.")


class TombstonesQuery(PageQuery):
    """Which deleted packages are wanted."""

    makes = TombstoneFilter

    protocol = fields.String(
        load_default="",
        validate=[validate.Length(max=LONGEST_NAME), WITHOUT_NUL],
        metadata={"description": "The format."},
    )


class TombstoneSchema(Strict):
    """A deleted package."""

    id = fields.String(required=True, metadata={"description": "The one that the package had."})
    protocol = fields.String(required=True)
    name = fields.String(required=True)
    organization_id = fields.String(required=True)
    organization = fields.String(required=True, metadata={"description": "Its slug."})
    repository_id = fields.String(required=True)
    repository = fields.String(
        required=True, metadata={"description": "Its name; empty where it was deleted, too."}
    )
    summary = fields.String(required=True)
    owners = fields.List(
        fields.Nested(UserSummarySchema), required=True, metadata={"description": "Who had it."}
    )
    published_at = Moment(
        required=True,
        allow_none=True,
        metadata={"description": "Of the newest version that it had."},
    )
    created_at = Moment(required=True)
    deleted_at = Moment(required=True)


class WithdrawnVersionSchema(Strict):
    """A version that was deleted; its number is never used again."""

    number = fields.String(required=True)
    published_by = fields.Nested(UserSummarySchema, required=True, allow_none=True)
    published_at = Moment(required=True)
    withdrawn_at = Moment(required=True)


@resource.list(
    "/organizations/<organization>/tombstones", item=TombstoneSchema, query=TombstonesQuery
)
def list_tombstones(
    page: PageRequest, wanted: TombstoneFilter, organization: str
) -> Page[TombstoneView]:
    """List the deleted packages of an organization that you administer."""
    return tombstones.list_tombstones(current_principal(), organization, wanted, page)


@resource.read("/organizations/<organization>/tombstones/<tombstone>", answer=TombstoneSchema)
def get_tombstone(organization: str, tombstone: str) -> TombstoneView:
    """Get a deleted package of an organization that you administer."""
    return tombstones.get_tombstone(current_principal(), organization, tombstone)


@resource.list(
    "/organizations/<organization>/tombstones/<tombstone>/versions", item=WithdrawnVersionSchema
)
def list_withdrawn_versions(
    page: PageRequest, organization: str, tombstone: str
) -> Page[WithdrawnVersionView]:
    """List the versions that a deleted package had, the newest first."""
    return tombstones.list_withdrawn_versions(current_principal(), organization, tombstone, page)
