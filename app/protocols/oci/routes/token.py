"""The token endpoint: credentials in, a short-lived bearer for the asked scopes out.

Spec: Docker registry token authentication, "Requesting a token", and its OAuth 2 form.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from flask import Response, request
from werkzeug.datastructures import MultiDict

from app.auth import authentication, scoped_tokens, token_format
from app.auth.current import current_client, current_principal
from app.auth.principal import ANONYMOUS, Credentials, CredentialScheme, Principal
from app.errors import InvalidInput, Unauthenticated
from app.protocols.oci import names, placement
from app.protocols.oci.answers import json_response
from app.protocols.oci.grants import CATALOG, AskedScope, parse_scopes, repository_resource
from app.protocols.oci.refusals import NameInvalid
from app.protocols.oci.routes import blueprint
from app.registry.bodies import Body

_LARGEST_FORM_BYTES = 64 * 1024


@blueprint.get("/token")
def get_token() -> Response:
    """Give a bearer to who sent credentials, or to nobody in particular.

    What the caller may not do is left out, never an error: the request itself then says
    precisely what is wrong. ``account`` and ``service`` decide nothing.
    """
    return _issue(current_principal(), request.args.getlist("scope"))


@blueprint.post("/token")
def post_token() -> Response:
    """Give a bearer in OAuth 2's way, as containerd and BuildKit ask first."""
    form = _read_form()
    kind = form.get("grant_type", "")
    if kind == "password":
        principal = _authenticated(
            Credentials(
                scheme=CredentialScheme.BASIC,
                username=form.get("username", ""),
                secret=form.get("password", ""),
            )
        )
    elif kind == "refresh_token":
        principal = _refreshed(form.get("refresh_token", ""))
    else:
        raise InvalidInput("grant_type has to be password or refresh_token.")
    return _issue(principal, form.getlist("scope"))


def _refreshed(secret: str) -> Principal:
    """Take an API token, which clients that were given one as identity token send back.

    We give none of our own: then clients keep the password or token that they signed in
    with, and that ends when it is revoked.
    """
    if not token_format.is_token_like(secret):
        raise Unauthenticated("The refresh token is not valid.", wrong_credentials=True)
    return _authenticated(Credentials(scheme=CredentialScheme.BEARER, secret=secret))


def _authenticated(credentials: Credentials) -> Principal:
    return authentication.authenticate(credentials, current_client())


def _read_form() -> MultiDict[str, str]:
    raw = Body(request, limit_bytes=_LARGEST_FORM_BYTES, what="The form").read()
    try:
        return MultiDict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=200))
    except ValueError as error:
        raise InvalidInput("The form cannot be read.") from error


def _issue(principal: Principal, asked: Iterable[str]) -> Response:
    granted: dict[str, set[str]] = {}
    for scope in parse_scopes(asked):
        for resource, action in _granted(principal, scope):
            granted.setdefault(resource, set()).add(action)
    scopes = {(resource, action) for resource, actions in granted.items() for action in actions}
    token = scoped_tokens.issue(principal, scopes)
    answer: dict[str, Any] = {
        # Clients differ in which of the two they read.
        "token": token.secret,
        "access_token": token.secret,
        "expires_in": scoped_tokens.LIFETIME_SECONDS,
        "issued_at": _rfc3339(token.issued_at),
    }
    if request.method == "POST":
        answer["scope"] = " ".join(
            f"{resource}:{','.join(sorted(actions))}" for resource, actions in granted.items()
        )
    return json_response(answer)


def _granted(principal: Principal, scope: AskedScope) -> Iterable[tuple[str, str]]:
    if scope.kind == "registry" and scope.name == "catalog" and "*" in scope.actions:
        return () if principal is ANONYMOUS else (CATALOG,)
    if scope.kind != "repository":
        return ()
    try:
        name = names.parse_new_name(scope.name)
    except NameInvalid:
        return ()
    allowed = placement.grantable(principal, name) & scope.actions
    return ((repository_resource(name), action) for action in allowed)


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
