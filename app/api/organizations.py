"""``/organizations``."""

from __future__ import annotations

from marshmallow import fields, validate

from app.api.edits import Check, Edit
from app.api.jobs import JobSchema
from app.api.resource import Resource
from app.api.schemas import (
    LONGEST_NAME,
    SLUG,
    CascadeQuery,
    Content,
    Map,
    Moment,
    Strict,
    names,
    text,
)
from app.auth.current import current_principal
from app.models import Visibility
from app.registry import cascading, organizations
from app.registry.background import JobView
from app.registry.listing import Page, PageRequest
from app.registry.organizations import (
    NewOrganization,
    OrganizationContent,
    OrganizationView,
    SettingsContent,
)

resource = Resource("organizations", "Tenants: they own repositories, teams and names.")


class NewOrganizationSchema(Content):
    """An organization to be made; the caller becomes its owner."""

    makes = NewOrganization

    slug = fields.String(required=True, metadata=SLUG)
    display_name = text(longest=LONGEST_NAME, load_default="")
    description = text(load_default="")


class OrganizationSettingsSchema(Content):
    """What an organization's admins decide."""

    makes = SettingsContent

    default_visibility = fields.Enum(
        Visibility,
        by_value=True,
        load_default=Visibility.PRIVATE,
        metadata={"description": "Of repositories that are made without one."},
    )
    namespaces = Map(
        keys=fields.String(),
        values=names(),
        load_default=dict,
        metadata={
            "description": "By format, the npm scopes, Maven group prefixes and Composer vendors "
            "that are this organization's on the whole platform, beside its slug."
        },
    )
    reserved_names = Map(
        keys=fields.String(),
        values=names(),
        load_default=dict,
        metadata={"description": "By format, globs of names that no upstream is asked for."},
    )
    quota_bytes = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(min=0)
    )


class OrganizationContentSchema(Content):
    """What an organization is to be."""

    makes = OrganizationContent

    slug = fields.String(required=True, metadata=SLUG)
    display_name = text(longest=LONGEST_NAME, load_default="")
    description = text(load_default="")
    settings = fields.Nested(
        OrganizationSettingsSchema,
        load_default=None,
        metadata={"description": "Left as they are where they are not given."},
    )


class OrganizationSchema(Strict):
    """An organization."""

    id = fields.String(required=True)
    slug = fields.String(required=True)
    display_name = fields.String(required=True)
    description = fields.String(required=True)
    settings = fields.Nested(
        OrganizationSettingsSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Null for those who are not in the organization."},
    )
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


@resource.list("/organizations", item=OrganizationSchema)
def list_organizations(page: PageRequest) -> Page[OrganizationView]:
    """List the organizations that you may know of."""
    return organizations.list_visible(current_principal(), page)


@resource.create(
    "/organizations",
    body=NewOrganizationSchema,
    answer=OrganizationSchema,
    location="/api/v1/organizations/{slug}",
)
def create_organization(new: NewOrganization) -> OrganizationView:
    """Create an organization."""
    return organizations.create(current_principal(), new)


@resource.read("/organizations/<organization>", answer=OrganizationSchema)
def get_organization(organization: str) -> OrganizationView:
    """Get an organization."""
    return organizations.get(current_principal(), organization)


@resource.edit(
    "/organizations/<organization>", content=OrganizationContentSchema, answer=OrganizationSchema
)
def update_organization(
    edit: Edit[OrganizationView, OrganizationContent], organization: str
) -> OrganizationView:
    """Change an organization."""
    return organizations.update(current_principal(), organization, edit)


@resource.delete(
    "/organizations/<organization>", shown_as=OrganizationSchema, query=CascadeQuery, job=JobSchema
)
def delete_organization(
    check: Check[OrganizationView], organization: str, *, cascade: bool
) -> JobView | None:
    """Delete an organization.

    Where anything was ever published in it, nobody can have its slug, its namespaces and the
    names of its packages afterwards. One that holds packages is deleted by a job, where `cascade`
    says so.
    """
    return cascading.delete_organization(
        current_principal(), organization, cascade=cascade, check=check
    )
