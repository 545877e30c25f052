"""Signing keys, provenance, and what is known of vulnerabilities."""

from __future__ import annotations

from collections.abc import Collection

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
_LARGEST_AUDIT_BYTES = 32 * 1024 * 1024


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
    names = _names_with_advisories()
    installed = advisories.parse_bulk(json_body(limit_bytes=_LARGEST_AUDIT_BYTES))
    return _json(advisories.render_bulk(_known(names.intersection(installed)), installed))


@blueprint.post("/-/npm/v1/security/audits/quick")
@blueprint.post("/-/npm/v1/security/audits")
def audit_report() -> Response:
    """Report on a whole lockfile: pnpm 10, npm 6."""
    names = _names_with_advisories()
    tree = advisories.parse_tree(json_body(limit_bytes=_LARGEST_AUDIT_BYTES))
    return _json(advisories.render_report(_known(names.intersection(tree.installed)), tree))


def _known(concerned: Collection[str]) -> list[advisories.AdvisoryView]:
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
    """Return the packages of which anything is known: every ``npm install`` asks.

    Raises:
        NotFound: nothing is known of any. "No vulnerabilities" would be taken for an answer;
            an audit reports this as its failure, and an installation passes over it.
    """

    def load() -> frozenset[str]:
        coherence.depends_on("advisories")
        return frozenset(rows_of(Advisory).distinct("package", {"protocol": PROTOCOL_NAME}))

    names = coherence.cached(("npm", "names-with-advisories"), load)
    if not names:
        raise NotFound(
            "This registry has no advisories, so it cannot tell what is vulnerable. Whoever runs "
            "it can import some: packhouse advisories import."
        )
    return names


def _json(body: bytes) -> Response:
    response = Response(body, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
