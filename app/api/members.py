"""``/organizations/{organization}/members``."""

from __future__ import annotations

from dataclasses import dataclass

from marshmallow import fields

from app.api.edits import Check, Edit
from app.api.resource import Resource
from app.api.schemas import Content, Moment, Strict, UserSummarySchema
from app.auth.current import current_principal
from app.models import OrganizationRole
from app.registry import members
from app.registry.listing import Page, PageRequest
from app.registry.members import MemberView

resource = Resource("members", "Who is in an organization, and as what.")


@dataclass(frozen=True, kw_only=True)
class NewMember:
    """Somebody to be made a member; ``user`` is an id, a username or an e-mail address."""

    user: str
    role: OrganizationRole


@dataclass(frozen=True, kw_only=True)
class MemberContent:
    """What a member is to be."""

    role: OrganizationRole


class MemberContentSchema(Content):
    """What a member is to be."""

    makes = MemberContent

    role = fields.Enum(OrganizationRole, by_value=True, required=True)


class NewMemberSchema(Content):
    """Somebody to be made a member."""

    makes = NewMember

    user = fields.String(
        required=True, metadata={"description": "An id, a username or an e-mail address."}
    )
    role = fields.Enum(OrganizationRole, by_value=True, load_default=OrganizationRole.MEMBER)


class MemberSchema(Strict):
    """A member."""

    user = fields.Nested(UserSummarySchema, required=True)
    role = fields.Enum(OrganizationRole, by_value=True, required=True)
    created_at = Moment(required=True)


@resource.list("/organizations/<organization>/members", item=MemberSchema)
def list_members(page: PageRequest, organization: str) -> Page[MemberView]:
    """List an organization's members."""
    return members.list_members(current_principal(), organization, page)


@resource.create(
    "/organizations/<organization>/members",
    body=NewMemberSchema,
    answer=MemberSchema,
    location="/api/v1/organizations/{organization}/members/{user[username]}",
)
def add_member(new: NewMember, organization: str) -> MemberView:
    """Make somebody a member."""
    return members.add_member(current_principal(), organization, new.user, new.role)


@resource.read("/organizations/<organization>/members/<user>", answer=MemberSchema)
def get_member(organization: str, user: str) -> MemberView:
    """Get a member."""
    return members.get_member(current_principal(), organization, user)


@resource.edit(
    "/organizations/<organization>/members/<user>",
    content=MemberContentSchema,
    answer=MemberSchema,
    patchable=False,
)
def set_member(edit: Edit[MemberView, MemberContent], organization: str, user: str) -> MemberView:
    """Make somebody a member, or change what one is."""
    return members.set_member(
        current_principal(), organization, user, lambda current: edit(current).role
    )


@resource.delete("/organizations/<organization>/members/<user>", shown_as=MemberSchema)
def remove_member(check: Check[MemberView], organization: str, user: str) -> None:
    """Take somebody out of an organization.

    This ends their roles in its teams, and what they were granted in it.
    """
    members.remove_member(current_principal(), organization, user, check=check)
