"""Signing in, as ``gem signin`` and the first ``gem push`` do it."""

from __future__ import annotations

from datetime import UTC, datetime

import yaml
from flask import Response

from app.auth import tokens
from app.auth.current import current_principal, takes_anyone
from app.auth.principal import Principal, TokenLimits
from app.auth.token_rules import LOGIN, LONGEST_NAME, TokenSpec
from app.errors import Gone, InvalidInput, NotFound, Unauthenticated
from app.protocols.rubygems.answers import json_response, text_response, yaml_response
from app.protocols.rubygems.identity import PROTOCOL_NAME
from app.protocols.rubygems.names import require_gem_name
from app.protocols.rubygems.parameters import read_parameters
from app.protocols.rubygems.routes import blueprint

_HINT = "Sign in with a newer gem, or create an API token on the registry's pages."


@blueprint.post("/api/v1/api_key")
def create_key() -> Response:
    """Make a key for gems; the body is the key and nothing else, as gem keeps it so.

    It is good for reading and writing gems, whichever scopes were asked for: those that
    ``gem signin`` asks for unless told otherwise would refuse the next ``gem push``. It is
    limited to one gem and to a time where it was asked to be.
    """
    return text_response(_new_key())


@blueprint.post("/api/v1/api_key.json")
def create_key_json() -> Response:
    """Make a key for gems; see :func:`create_key`."""
    return json_response({"rubygems_api_key": _new_key()})


@blueprint.put("/api/v1/api_key")
def update_key() -> Response:
    """Say that a key has the scopes that it is to get: those of sign-ins have them all."""
    _signed_in()
    return text_response("Scopes for the API key updated")


@blueprint.get("/api/v1/api_key")
@blueprint.get("/api/v1/api_key.json")
@takes_anyone
def show_key() -> Response:
    """Refuse what gems before 3.2 do: a key is shown only once."""
    raise Gone(_HINT)


@blueprint.get("/api/v1/profile/me.yaml")
def profile() -> Response:
    """Say who the caller is."""
    principal = _signed_in()
    about = {"id": str(principal.user), "handle": principal.username, "mfa": "disabled"}
    return yaml_response(yaml.safe_dump(about, explicit_start=True, sort_keys=False))


@blueprint.post("/api/v1/webauthn_verification")
@takes_anyone
def webauthn() -> Response:
    """Say that there is no such second factor."""
    raise NotFound("WebAuthn is not offered by this registry.")


def _new_key() -> str:
    principal = _signed_in()
    asked = read_parameters()
    gems = frozenset(filter(None, [asked.get("rubygem_name")]))
    for gem in gems:
        require_gem_name(gem)
    spec = TokenSpec(
        name=asked.get("name", "").strip()[:LONGEST_NAME] or "gem signin",
        limits=TokenLimits(
            protocols=frozenset({PROTOCOL_NAME}),
            packages=gems,
        ),
        expires_at=_moment(asked.get("expires_at")),
        kind=LOGIN,
    )
    return tokens.create(principal, spec).secret


def _moment(text: str | None) -> datetime | None:
    """Read a moment; without a time zone it is in UTC."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("expires_at has to be a moment such as 2026-01-31T12:00:00Z.") from error


def _signed_in() -> Principal:
    principal = current_principal()
    if principal.is_anonymous:
        raise Unauthenticated("Sign in with your e-mail address, or username, and password.")
    return principal
