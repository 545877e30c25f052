"""``/tokens`` and ``/admin/tokens``."""

from __future__ import annotations

from marshmallow import fields, validate

from app.api.edits import Check
from app.api.resource import Resource
from app.api.schemas import Content, Moment, Sequence, Strict, UserSummarySchema, names
from app.auth.current import current_principal
from app.auth.limits import TOKEN_ACTIONS
from app.registry import token_management
from app.registry.listing import Page, PageRequest
from app.registry.token_management import IssuedView, NewToken, TokenView

resource = Resource("tokens", "Long-lived credentials, with limits of their own.")


class NewTokenSchema(Content):
    """A token to be made; what is left out is not limited."""

    makes = NewToken

    name = fields.String(required=True)
    protocols = names(load_default=(), metadata={"description": "Formats, and `api` for this API."})
    actions = Sequence(fields.String(validate=validate.OneOf(TOKEN_ACTIONS)), load_default=())
    organizations = names(load_default=(), metadata={"description": "Ids or slugs."})
    packages = names(
        load_default=(),
        metadata={
            "description": "Normal names, as addresses have them: `my-project`, not `My.Project`. "
            "Such a token reads and publishes these, and sees no lists of packages."
        },
    )
    networks = names(load_default=(), metadata={"description": "CIDRs."})
    expires_at = Moment(load_default=None, allow_none=True)


class TokenSchema(Strict):
    """A token, without its secret."""

    id = fields.String(required=True)
    user = fields.Nested(UserSummarySchema, required=True, allow_none=True)
    name = fields.String(required=True)
    prefix = fields.String(required=True)
    kind = fields.String(required=True, metadata={"description": "`personal` or `login`."})
    protocols = fields.List(fields.String(), required=True)
    actions = fields.List(fields.String(), required=True)
    organizations = fields.List(fields.String(), required=True, metadata={"description": "Slugs."})
    packages = fields.List(fields.String(), required=True)
    networks = fields.List(fields.String(), required=True)
    created_at = Moment(required=True)
    updated_at = Moment(required=True)
    expires_at = Moment(required=True, allow_none=True)
    last_used_at = Moment(required=True, allow_none=True)
    last_used_ip = fields.String(required=True)
    last_used_client = fields.String(required=True)


class IssuedTokenSchema(Strict):
    """A token with its secret, which is shown this once."""

    token = fields.String(
        required=True, attribute="secret", metadata={"description": "The secret."}
    )
    id = fields.String(required=True, attribute="view.id")
    name = fields.String(required=True, attribute="view.name")
    prefix = fields.String(required=True, attribute="view.prefix")
    protocols = fields.List(fields.String(), required=True, attribute="view.protocols")
    actions = fields.List(fields.String(), required=True, attribute="view.actions")
    organizations = fields.List(fields.String(), required=True, attribute="view.organizations")
    packages = fields.List(fields.String(), required=True, attribute="view.packages")
    networks = fields.List(fields.String(), required=True, attribute="view.networks")
    created_at = Moment(required=True, attribute="view.created_at")
    expires_at = Moment(required=True, allow_none=True, attribute="view.expires_at")


@resource.list("/tokens", item=TokenSchema)
def list_tokens(page: PageRequest) -> Page[TokenView]:
    """List your tokens."""
    return token_management.list_own(current_principal(), page)


@resource.command(
    "/tokens",
    body=NewTokenSchema,
    answer=IssuedTokenSchema,
    location="/api/v1/tokens/{id}",
    is_secret=True,
)
def create_token(new: NewToken) -> IssuedView:
    """Create a token; its secret is in the answer, and nowhere else."""
    return token_management.create_token(current_principal(), new)


@resource.read("/tokens/<token>", answer=TokenSchema)
def get_token(token: str) -> TokenView:
    """Get a token."""
    return token_management.get_token(current_principal(), token)


@resource.delete("/tokens/<token>", shown_as=TokenSchema)
def revoke_token(check: Check[TokenView], token: str) -> None:
    """Revoke a token."""
    token_management.revoke_token(current_principal(), token, check=check)


@resource.command("/tokens/<token>/rotate", answer=IssuedTokenSchema, is_secret=True)
def rotate_token(token: str) -> IssuedView:
    """Give a token a new secret; the old one is dead at once."""
    return token_management.rotate_token(current_principal(), token)


@resource.list("/admin/tokens", item=TokenSchema)
def list_all_tokens(page: PageRequest) -> Page[TokenView]:
    """List everybody's tokens, for platform admins."""
    return token_management.list_all(current_principal(), page)
