"""The management API: ``/api/v1``, described by ``/api/v1/openapi.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.api import docs
from app.api.audit import resource as audit
from app.api.auth import resource as auth
from app.api.downloads import resource as downloads
from app.api.examples import add_examples
from app.api.jobs import resource as jobs
from app.api.members import resource as members
from app.api.openapi import create_api, serve_document
from app.api.organizations import resource as organizations
from app.api.packages import resource as packages
from app.api.permissions import resource as permissions
from app.api.platform import resource as platform
from app.api.repositories import resource as repositories
from app.api.team_repositories import resource as team_repositories
from app.api.teams import resource as teams
from app.api.tokens import resource as tokens
from app.api.tombstones import resource as tombstones
from app.api.users import resource as users
from app.api.versions import resource as versions

if TYPE_CHECKING:
    from flask import Flask

RESOURCES = (
    auth,
    users,
    organizations,
    members,
    teams,
    team_repositories,
    repositories,
    permissions,
    packages,
    versions,
    tombstones,
    tokens,
    audit,
    jobs,
    platform,
    downloads,
)


def install(app: Flask) -> None:
    """Put the API and its document into an app."""
    api = create_api(app)
    for resource in RESOURCES:
        api.register_blueprint(resource.blueprint)
    document = api.spec.to_dict()
    add_examples(document)
    serve_document(app, document)
    docs.install(app, document)
