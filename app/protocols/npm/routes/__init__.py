"""npm's endpoints (the wire contract is in docs/protocols/npm.md)."""

from __future__ import annotations

from flask import Blueprint
from flask.blueprints import BlueprintSetupState

from app.protocols.npm.routes.converters import PackageNameConverter

blueprint = Blueprint("npm", __name__)


@blueprint.record_once
def _add_converters(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["npm_name"] = PackageNameConverter


# The views register themselves on the blueprint.
from app.protocols.npm.routes import (  # noqa: E402
    accounts,  # noqa: F401
    organizations,  # noqa: F401
    owners,  # noqa: F401
    packages,  # noqa: F401
    search,  # noqa: F401
    security,  # noqa: F401
    stars,  # noqa: F401
    tags,  # noqa: F401
)
