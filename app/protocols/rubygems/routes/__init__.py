"""RubyGems' endpoints (the wire contract is in docs/protocols/rubygems.md)."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("rubygems", __name__)

# The views register themselves on the blueprint.
from app.protocols.rubygems.routes import (  # noqa: E402
    accounts,  # noqa: F401
    gems,  # noqa: F401
    indexes,  # noqa: F401
    owners,  # noqa: F401
    queries,  # noqa: F401
)
