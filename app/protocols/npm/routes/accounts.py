"""Signing in and out, tokens and profiles, as npm's clients do it."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from flask import Response, request

from app.auth import (
    device_logins,
    local_accounts,
    password_changes,
    token_format,
    tokens,
    users,
)
from app.auth.current import current_client, current_principal, takes_anyone
from app.auth.limits import require_account_use
from app.auth.principal import CredentialKind, Principal, TokenLimits
from app.auth.token_rules import LOGIN, LONGEST_NAME, TokenSpec
from app.auth.users import NewUser
from app.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from app.extensions import settings
from app.models import ApiToken, User
from app.protocols.npm import rendering, token_requests
from app.protocols.npm.answers import json_object, json_response
from app.protocols.npm.identity import PROTOCOL_NAME
from app.protocols.npm.routes import blueprint
from app.registry import accounts
from app.registry.accounts import AccountContent, AccountView
from app.registry.scopes import current_scope

_COUCH_USER = "org.couchdb.user:"
_MOST_TOKENS = 500


@blueprint.get("/-/ping")
@takes_anyone
def ping() -> Response:
    """Say that the registry is there, to anyone."""
    return json_response({})


@blueprint.get("/-/whoami")
def whoami() -> Response:
    """Say who the caller is."""
    return json_response({"username": _signed_in().username})


@blueprint.post("/-/v1/login")
@takes_anyone
def start_web_login() -> Response:
    """Begin a sign-in that is finished in a browser (npm 9 and later)."""
    started = device_logins.start(PROTOCOL_NAME, current_client())
    scope = current_scope()
    return json_response(
        {
            "loginUrl": f"{scope.origin}/ui/cli-login/{started.public_id}",
            "doneUrl": f"{scope.base_url}-/v1/done?session={started.poll_secret}",
        }
    )


@blueprint.get("/-/v1/done")
@takes_anyone
def finish_web_login() -> Response:
    """Give the token once the browser has approved; until then, when to ask again."""
    issued = device_logins.collect(request.args.get("session", ""))
    if issued is None:
        response = json_response({}, status=202)
        response.headers["Retry-After"] = str(device_logins.POLL_SECONDS)
        return response
    return json_response({"token": issued.secret})


@blueprint.put(f"/-/user/{_COUCH_USER}<username>")
@blueprint.put(f"/-/user/{_COUCH_USER}<username>/-rev/<revision>")
@takes_anyone
def couch_login(username: str, revision: str = "") -> Response:
    """Sign in, or register where the platform lets people, with a password in the body."""
    del revision
    body = json_object()
    password = body.get("password")
    if not isinstance(password, str) or body.get("name", username) != username:
        raise Unauthenticated("Incorrect username or password", wrong_credentials=True)
    user = _user_with(username, password, body)
    spec = TokenSpec(
        name=f"npm login, {current_client().user_agent or 'unknown client'}"[:LONGEST_NAME],
        limits=TokenLimits(protocols=frozenset({PROTOCOL_NAME})),
        kind=LOGIN,
    )
    actor = users.principal_of(user, CredentialKind.PASSWORD).actor
    issued = tokens.issue(user.id, spec, actor=actor)
    return json_response(
        {
            "ok": True,
            "id": _COUCH_USER + user.username,
            "rev": f"1-{user.id}",
            "token": issued.secret,
        },
        status=201,
    )


@blueprint.get(f"/-/user/{_COUCH_USER}<username>")
def couch_user(username: str) -> Response:
    """Look a user up by name; an e-mail address is shown to its owner only."""
    principal = _signed_in()
    user = users.by_username(username)
    if user is None or not user.is_active:
        raise NotFound(f"There is no user named {username}.")
    return json_response(
        {
            "_id": _COUCH_USER + user.username,
            "name": user.username,
            "email": user.email if user.id == principal.user_id else "",
            "type": "user",
            "roles": [],
            "date": rendering.timestamp(user.created_at),
        }
    )


@blueprint.delete("/-/user/token/<token>")
def logout(token: str) -> Response:
    """Revoke the token in the URL: the caller's own, or another of its owner."""
    tokens.revoke_secret(current_principal(), token, door=PROTOCOL_NAME)
    return json_response({"ok": True})


@blueprint.get("/-/npm/v1/tokens")
def list_tokens() -> Response:
    """List the caller's tokens."""
    principal = _signed_in()
    found = tokens.list_tokens(principal, owner=principal.user, limit=_MOST_TOKENS)
    return json_response(
        {"objects": [_shown(one) for one in found], "total": len(found), "urls": {}}
    )


@blueprint.post("/-/npm/v1/tokens")
def create_token() -> Response:
    """Make a token; the caller proves who they are with their password once more."""
    principal = _signed_in("write")
    body = json_object()
    password = body.get("password")
    if not isinstance(password, str):
        raise Unauthenticated("Incorrect username or password", wrong_credentials=True)
    user = local_accounts.check(
        principal.username, password, current_client(), method="npm token create"
    )
    owner = users.principal_of(user, CredentialKind.PASSWORD)
    issued = tokens.create(owner, token_requests.spec_of(owner, body))
    return json_response(
        {
            **_shown(issued.token),
            "token": issued.secret,
            "cidr_whitelist": list(issued.token.networks),
            "expires": _time_or_none(issued.token.expires_at),
        },
        status=201,
    )


@blueprint.delete("/-/npm/v1/tokens/token/<key>")
def revoke_token(key: str) -> Response:
    """Revoke one of the caller's tokens, named by its key or by itself."""
    principal = current_principal()
    if token_format.is_token_like(key):
        tokens.revoke_secret(principal, key, door=PROTOCOL_NAME)
    else:
        tokens.revoke_digest(principal, key, door=PROTOCOL_NAME)
    return Response(status=204)


@blueprint.get("/-/npm/v1/user")
def profile() -> Response:
    """Show the caller's profile."""
    return json_response(_profile_of(_signed_in_user()))


@blueprint.post("/-/npm/v1/user")
def change_profile() -> Response:
    """Change the caller's profile: name, e-mail address, password."""
    principal = _signed_in("write")
    body = json_object()
    if body.get("tfa"):
        raise Forbidden(
            "Two-factor authentication is not offered by this registry. Use tokens with limits."
        )
    change = body.get("password")
    if change is not None:
        if not isinstance(change, dict):
            raise InvalidInput("'password' must be an object with 'old' and 'new'.")
        password_changes.change_password(
            principal,
            str(change.get("old", "")),
            str(change.get("new", "")),
            current_client(),
            door=PROTOCOL_NAME,
        )
    _rename(principal, fullname=body.get("fullname"), email=body.get("email"))
    return json_response(_profile_of(_signed_in_user()))


def _rename(principal: Principal, *, fullname: object, email: object) -> None:
    """Change what of the caller's names is given and differs, and the documents that show it."""

    def edit(current: AccountView) -> AccountContent:
        return AccountContent(
            email=email if isinstance(email, str) else current.email,
            username=current.username,
            display_name=fullname if isinstance(fullname, str) else current.display_name,
        )

    user = _signed_in_user()
    is_other = email not in (None, user.email) or fullname not in (None, user.display_name)
    if is_other or user.renamed_in is not None:  # The second: an earlier attempt ended half way.
        accounts.update_account(principal, str(principal.user), edit, door=PROTOCOL_NAME)


def _signed_in(action: str = "read") -> Principal:
    """Return who is calling, with something that is good for this on their account."""
    principal = current_principal()
    require_account_use(principal, door=PROTOCOL_NAME, action=action)
    return principal


def _signed_in_user() -> User:
    user = users.by_id(_signed_in().user)
    if user is None:
        raise Unauthenticated
    return user


def _user_with(username: str, password: str, body: dict[str, Any]) -> User:
    """Return who signs in, registered first where they are new and the platform allows it.

    Whose name is known only ever signs in, whatever the rules for new passwords say. The
    password alone decides: yarn 1 sends it in a header besides, which is not looked at.
    """
    email = body.get("email")
    is_new = settings.allow_registration and users.by_identifier(username) is None
    if is_new and isinstance(email, str) and email:
        with suppress(Conflict):  # The name was just taken, or the address is: a sign-in.
            return users.register(NewUser(email=email, username=username, password=password))
    return local_accounts.check(username, password, current_client(), method="npm login")


def _shown(token: ApiToken) -> dict[str, Any]:
    """Show a token as npm lists it; ``token`` is only its beginning."""
    return {
        "token": token.prefix,
        "key": token.digest,
        "name": token.name,
        "cidr_whitelist": list(token.networks) or None,
        "readonly": list(token.actions) == ["read"],
        "automation": False,
        "created": rendering.timestamp(token.created_at),
        "updated": rendering.timestamp(token.updated_at),
    }


def _time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else rendering.timestamp(moment)


def _profile_of(user: User) -> dict[str, Any]:
    return {
        "tfa": None,
        "name": user.username,
        "email": user.email,
        "email_verified": False,
        "created": rendering.timestamp(user.created_at),
        "updated": rendering.timestamp(user.updated_at),
        "cidr_whitelist": None,
        "fullname": user.display_name,
        **dict.fromkeys(("homepage", "github", "twitter", "freenode"), ""),
    }
