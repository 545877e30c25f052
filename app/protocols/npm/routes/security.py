"""Signing keys, provenance, and what is known of vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from flask import Response

from app.auth.current import current_principal
from app.errors import NotFound
from app.extensions import coherence
from app.models import Advisory, Version, VersionState
from app.models.rows import rows_of
from app.protocols.npm import advisories, identity, keys, signatures
from app.protocols.npm.answers import json_body, json_response
from app.protocols.npm.identity import PROTOCOL_NAME
from app.protocols.npm.routes import blueprint
from app.registry import resolution
from app.registry.scopes import current_scope

SLSA_PROVENANCE = "https://slsa.dev/provenance/v1"


@blueprint.get("/-/npm/v1/keys")
def list_keys() -> Response:
    """Give the public keys that versions are signed with."""
    return json_response(signatures.keys_document(keys.published_keys()))


@blueprint.get("/-/npm/v1/attestations/<path:spec>")
def attestations(spec: str) -> Response:
    """Give the provenance that a version was published with."""
    name, _, number = spec.rpartition("@")
    package = resolution.for_read(current_principal(), current_scope(), identity.to_read(name))
    row = rows_of(Version).find_one(
        {
            "package": package.id,
            "number": number,
            "state": VersionState.PUBLISHED,
        },
        {"facts.provenance": 1},
    )
    bundle = (row or {}).get("facts", {}).get("provenance")
    if not bundle:
        raise NotFound
    return json_response(
        {
            "attestations": [
                {"predicateType": SLSA_PROVENANCE, "bundle": orjson.loads(bundle)},
            ]
        }
    )


@blueprint.post("/-/npm/v1/security/advisories/bulk")
def bulk_advisories() -> Response:
    """Report on the versions that a client is about to install: npm, berry, bun, pnpm 11."""
    installed = advisories.parse_bulk(json_body())
    found = _known(installed)
    return _json(advisories.render_bulk(found, installed))


@blueprint.post("/-/npm/v1/security/audits/quick")
@blueprint.post("/-/npm/v1/security/audits")
def audit_report() -> Response:
    """Report on a whole lockfile: pnpm 10, npm 6."""
    tree = advisories.parse_tree(json_body())
    return _json(advisories.render_report(_known(tree.installed), tree))


def _known(names: Iterable[str]) -> list[advisories.AdvisoryView]:
    """Return what is known of these packages.

    Every ``npm install`` asks, so the names that there is anything known of are remembered.
    """
    concerned = _names_with_advisories().intersection(names)
    if not concerned:
        return []
    found = Advisory.objects(protocol=PROTOCOL_NAME, package__in=sorted(concerned))
    return [
        advisories.AdvisoryView(
            number=one.number,
            package=one.package,
            source_id=one.source_id,
            title=one.title,
            severity=one.severity,
            vulnerable_versions=one.vulnerable_versions,
            patched_versions=one.patched_versions,
            url=one.url,
            overview=one.overview,
            cwe=tuple(one.cwe),
            cvss_score=one.cvss_score,
            cvss_vector=one.cvss_vector,
        )
        for one in found.order_by("number")
    ]


def _names_with_advisories() -> frozenset[str]:
    def load() -> frozenset[str]:
        coherence.depends_on("advisories")
        return frozenset(rows_of(Advisory).distinct("package", {"protocol": PROTOCOL_NAME}))

    return coherence.cached(("npm", "names-with-advisories"), load)


def _json(body: bytes) -> Response:
    response = Response(body, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
