"""``/users``."""

from __future__ import annotations

from marshmallow import fields

from app.api.edits import Check, Edit
from app.api.resource import Resource
from app.api.schemas import Content, Moment, Strict, text
from app.auth.current import current_principal
from app.auth.users import LONGEST_DISPLAY_NAME, NewUser
from app.registry import accounts
from app.registry.accounts import AccountContent, AccountView
from app.registry.listing import Page, PageRequest

resource = Resource("users", "Accounts: one's own, and for platform admins everybody's.")


class NewUserSchema(Content):
    """An account to be made."""

    makes = NewUser

    email = fields.String(required=True)
    username = fields.String(required=True)
    display_name = text(longest=LONGEST_DISPLAY_NAME, load_default="")
    password = fields.String(
        load_default=None,
        allow_none=True,
        load_only=True,
        metadata={"description": "Without one, they cannot sign in with a password."},
    )
    is_platform_admin = fields.Boolean(load_default=False)


class UserContentSchema(Content):
    """What an account is to be."""

    makes = AccountContent

    email = fields.String(
        required=True, metadata={"description": "Changed by platform admins only."}
    )
    username = fields.String(required=True)
    display_name = text(longest=LONGEST_DISPLAY_NAME, load_default="")
    is_platform_admin = fields.Boolean(
        load_default=None,
        metadata={"description": "Changed by platform admins only; kept where it is not given."},
    )
    is_active = fields.Boolean(
        load_default=None,
        metadata={"description": "Changed by platform admins only; kept where it is not given."},
    )


class UserSchema(Strict):
    """An account."""

    id = fields.String(required=True)
    number = fields.Integer(required=True, metadata={"description": "Small, and never changes."})
    email = fields.String(required=True)
    username = fields.String(required=True)
    display_name = fields.String(required=True)
    is_platform_admin = fields.Boolean(required=True)
    is_active = fields.Boolean(required=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)


@resource.list("/users", item=UserSchema)
def list_users(page: PageRequest) -> Page[AccountView]:
    """List all accounts, for platform admins."""
    return accounts.list_accounts(current_principal(), page)


@resource.create("/users", body=NewUserSchema, answer=UserSchema, location="/api/v1/users/{id}")
def create_user(new: NewUser) -> AccountView:
    """Create an account, for platform admins."""
    return accounts.create_account(current_principal(), new)


@resource.read("/users/<user>", answer=UserSchema)
def get_user(user: str) -> AccountView:
    """Get an account: your own, or any for platform admins."""
    return accounts.get_account(current_principal(), user)


@resource.edit("/users/<user>", content=UserContentSchema, answer=UserSchema)
def update_user(edit: Edit[AccountView, AccountContent], user: str) -> AccountView:
    """Change an account: your own, or any for platform admins."""
    return accounts.update_account(current_principal(), user, edit)


@resource.delete("/users/<user>", shown_as=UserSchema)
def delete_user(check: Check[AccountView], user: str) -> None:
    """Close an account, for platform admins: its sessions and tokens die at once."""
    accounts.close_account(current_principal(), user, check=check)
