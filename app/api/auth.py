"""``/auth``: signing in, and what one is signed in as."""

from __future__ import annotations

from dataclasses import dataclass, field

from marshmallow import ValidationError, fields, validates_schema

from app.api.edits import Check
from app.api.resource import Resource
from app.api.schemas import Content, Moment, Strict
from app.api.tokens import TokenSchema
from app.api.users import UserSchema
from app.auth import password_changes, sessions
from app.auth.current import current_client, current_principal
from app.auth.sessions import SignIn
from app.models import OrganizationRole
from app.registry import self_description, session_management
from app.registry.listing import Page, PageRequest
from app.registry.self_description import SelfDescription
from app.registry.session_management import SessionView

resource = Resource("auth", "Signing in, and what you are signed in as.")


@dataclass(frozen=True, kw_only=True)
class Login:
    """What somebody signs in with: an e-mail address or a username, and a password."""

    password: str = field(repr=False)
    email: str | None = None
    username: str | None = None

    @property
    def identifier(self) -> str:
        """Return the one that was given."""
        return self.email or self.username or ""


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """What a session is renewed with."""

    refresh_token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class PasswordChange:
    """The password that is, and the one that is to be."""

    current_password: str = field(repr=False)
    new_password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One way to sign in."""

    id: str
    type: str
    name: str


LOCAL = Provider(id="local", type="local", name="Password")


class LoginSchema(Content):
    """What you sign in with: your password, and either of your names."""

    makes = Login

    email = fields.String(load_default=None)
    username = fields.String(load_default=None)
    password = fields.String(required=True, load_only=True)

    @validates_schema
    def require_one_name(self, data: dict[str, object], **_options: object) -> None:
        """Refuse none, and both."""
        if (data["email"] is None) == (data["username"] is None):
            raise ValidationError("Give your e-mail address or your username.", "email")


class RefreshSchema(Content):
    """What a session is renewed with."""

    makes = Refresh

    refresh_token = fields.String(required=True, load_only=True)


class PasswordChangeSchema(Content):
    """The password that is, and the one that is to be."""

    makes = PasswordChange

    current_password = fields.String(required=True, load_only=True)
    new_password = fields.String(required=True, load_only=True)


class SignInSchema(Strict):
    """A session's tokens; `expires_in` is the access token's, in seconds."""

    access_token = fields.String(required=True)
    token_type = fields.Constant("Bearer", required=True)
    expires_in = fields.Integer(required=True)
    refresh_token = fields.String(required=True)
    user = fields.Nested(UserSchema, required=True)


class ProviderSchema(Strict):
    """One way to sign in."""

    id = fields.String(required=True)
    type = fields.String(required=True)
    name = fields.String(required=True)


class OwnOrganizationSchema(Strict):
    """An organization that you are in, and as what."""

    id = fields.String(required=True)
    slug = fields.String(required=True)
    display_name = fields.String(required=True)
    role = fields.Enum(OrganizationRole, by_value=True, required=True)


class SelfSchema(Strict):
    """Who you are, and what you call with: a token, a session, or neither."""

    user = fields.Nested(UserSchema, required=True)
    organizations = fields.List(fields.Nested(OwnOrganizationSchema), required=True)
    roles = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "On the whole platform: `platform_admin`, or none."},
    )
    token = fields.Nested(TokenSchema, required=True, allow_none=True)
    session_id = fields.String(required=True, allow_none=True)


class SessionSchema(Strict):
    """One of your sign-ins; `current` is the one that you call with."""

    id = fields.String(required=True)
    current = fields.Boolean(required=True)
    ip = fields.String(required=True)
    user_agent = fields.String(required=True)
    created_at = Moment(required=True)
    last_used_at = Moment(required=True)
    expires_at = Moment(required=True)


@resource.command(
    "/auth/login", body=LoginSchema, answer=SignInSchema, is_secret=True, takes_anyone=True
)
def log_in(login: Login) -> SignIn:
    """Sign in."""
    return sessions.sign_in(login.identifier, login.password, current_client())


@resource.command(
    "/auth/refresh", body=RefreshSchema, answer=SignInSchema, is_secret=True, takes_anyone=True
)
def refresh_session(refresh: Refresh) -> SignIn:
    """Renew a session. A refresh token is good once; one that was used ends the session."""
    return sessions.refresh(refresh.refresh_token, current_client())


@resource.command("/auth/logout")
def log_out() -> None:
    """End the session that you call with."""
    session_management.end_current_session(current_principal())


@resource.read("/auth/me", answer=SelfSchema)
def get_self() -> SelfDescription:
    """Get who you are, and what you call with."""
    return self_description.describe_self(current_principal())


@resource.list("/auth/providers", item=ProviderSchema, takes_anyone=True)
def list_providers(_page: PageRequest) -> Page[Provider]:
    """List the ways to sign in."""
    return Page(items=(LOCAL,))


@resource.list("/auth/sessions", item=SessionSchema)
def list_sessions(page: PageRequest) -> Page[SessionView]:
    """List your sessions."""
    return session_management.list_sessions(current_principal(), page)


@resource.delete("/auth/sessions")
def end_other_sessions() -> None:
    """End all of your sessions but the one that you call with."""
    session_management.end_other_sessions(current_principal())


@resource.read("/auth/sessions/<session>", answer=SessionSchema)
def get_session(session: str) -> SessionView:
    """Get one of your sessions."""
    return session_management.get_session(current_principal(), session)


@resource.delete("/auth/sessions/<session>", shown_as=SessionSchema)
def end_session(check: Check[SessionView], session: str) -> None:
    """End one of your sessions."""
    session_management.end_session(current_principal(), session, check=check)


@resource.command("/auth/password", body=PasswordChangeSchema)
def change_password(change: PasswordChange) -> None:
    """Change your password, and end your other sessions."""
    password_changes.change_password(
        current_principal(), change.current_password, change.new_password, current_client()
    )
