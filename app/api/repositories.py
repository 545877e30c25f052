"""``/repositories``, and an organization's repositories."""

from __future__ import annotations

from marshmallow import fields, validate

from app.api.edits import Check, Edit
from app.api.jobs import JobSchema
from app.api.resource import Resource
from app.api.schemas import SLUG, CascadeQuery, Content, Moment, Sequence, Strict, names, text
from app.auth.current import current_principal
from app.models import RepositoryKind, Visibility
from app.registry import cascading, repository_management
from app.registry.background import JobView
from app.registry.listing import Page, PageRequest
from app.registry.repository_management import (
    NO_PROXIES,
    NewRepository,
    RepositoryContent,
    RepositorySettingsContent,
    RepositoryView,
)

resource = Resource("repositories", "Places for packages of one format, with one visibility.")

_MEMBERS = "Of a group: ids of repositories, in the order in which they are read."


class RepositorySettingsSchema(Content):
    """What a repository's admins decide; what is null is as the platform has it."""

    makes = RepositorySettingsContent

    max_file_bytes = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(min=1)
    )
    quota_bytes = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(min=0)
    )
    allow_redeploy = fields.Boolean(load_default=False, metadata={"description": "Maven."})
    immutable_tags = names(load_default=(), metadata={"description": "OCI: globs."})
    allow_sparse_index = fields.Boolean(load_default=False, metadata={"description": "OCI."})
    auth_required = fields.Boolean(
        load_default=None, allow_none=True, metadata={"description": "Cargo."}
    )


class NewRepositorySchema(Content):
    """A repository to be made."""

    makes = NewRepository

    name = fields.String(required=True, metadata=SLUG)
    protocol = fields.String(required=True)
    kind = fields.Enum(
        RepositoryKind,
        by_value=True,
        load_default=RepositoryKind.HOSTED,
        # Said here too, so that it is said beside what is wrong with a proxy's other fields.
        validate=validate.NoneOf([RepositoryKind.PROXY], error=NO_PROXIES),
    )
    visibility = fields.Enum(
        Visibility,
        by_value=True,
        load_default=None,
        metadata={"description": "The organization's default where it is not given."},
    )
    description = text(load_default="")
    members = names(load_default=(), metadata={"description": _MEMBERS})
    settings = fields.Nested(RepositorySettingsSchema, load_default=RepositorySettingsContent)


class RepositoryContentSchema(Content):
    """What a repository is to be; its protocol and kind cannot change."""

    makes = RepositoryContent

    name = fields.String(required=True)
    protocol = fields.String(load_default=None)
    kind = fields.Enum(RepositoryKind, by_value=True, load_default=None)
    visibility = fields.Enum(Visibility, by_value=True, required=True)
    description = text(load_default="")
    members = names(load_default=(), metadata={"description": _MEMBERS})
    settings = fields.Nested(
        RepositorySettingsSchema,
        load_default=None,
        metadata={"description": "Left as they are where they are not given."},
    )


class RepositorySchema(Strict):
    """A repository."""

    id = fields.String(required=True)
    organization_id = fields.String(required=True)
    organization = fields.String(required=True, metadata={"description": "Its slug."})
    name = fields.String(required=True)
    protocol = fields.String(required=True)
    kind = fields.Enum(RepositoryKind, by_value=True, required=True)
    visibility = fields.Enum(Visibility, by_value=True, required=True)
    description = fields.String(required=True)
    members = Sequence(fields.String(), required=True)
    settings = fields.Nested(RepositorySettingsSchema, required=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


@resource.list("/organizations/<organization>/repositories", item=RepositorySchema)
def list_repositories(page: PageRequest, organization: str) -> Page[RepositoryView]:
    """List an organization's repositories that you may read."""
    return repository_management.list_repositories(current_principal(), organization, page)


@resource.create(
    "/organizations/<organization>/repositories",
    body=NewRepositorySchema,
    answer=RepositorySchema,
    location="/api/v1/repositories/{id}",
)
def create_repository(new: NewRepository, organization: str) -> RepositoryView:
    """Create a repository."""
    return repository_management.create_repository(current_principal(), organization, new)


@resource.read("/repositories/<repository>", answer=RepositorySchema)
def get_repository(repository: str) -> RepositoryView:
    """Get a repository."""
    return repository_management.get_repository(current_principal(), repository)


@resource.edit(
    "/repositories/<repository>", content=RepositoryContentSchema, answer=RepositorySchema
)
def update_repository(
    edit: Edit[RepositoryView, RepositoryContent], repository: str
) -> RepositoryView:
    """Change a repository."""
    return repository_management.update_repository(current_principal(), repository, edit)


@resource.delete(
    "/repositories/<repository>", shown_as=RepositorySchema, query=CascadeQuery, job=JobSchema
)
def delete_repository(
    check: Check[RepositoryView], repository: str, *, cascade: bool
) -> JobView | None:
    """Delete a repository; the names of its packages stay its organization's.

    One that holds packages is deleted by a job, where `cascade` says so.
    """
    return cascading.delete_repository(
        current_principal(), repository, cascade=cascade, check=check
    )
