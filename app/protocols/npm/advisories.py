"""Audit: which of the versions that a client has are known to be vulnerable.

Spec: npm's "bulk advisory" endpoint, and the older "quick" and full audit reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from app.errors import InvalidInput
from app.protocols.npm import ranges, semver
from app.protocols.npm.semver import Version

SEVERITIES = ("info", "low", "moderate", "high", "critical")
MAX_AUDITED_VERSIONS = 100_000

Installed = Mapping[str, frozenset[str]]
"""Versions by package name."""


@dataclass(frozen=True, kw_only=True)
class AdvisoryView:
    """One known vulnerability of one package.

    Attributes:
        number: a small integer, for clients that want one.
        source_id: ``GHSA-…``, ``CVE-…`` or our own.
        severity: one of ``SEVERITIES``.
        vulnerable_versions, patched_versions: npm ranges; the second may be empty.
        cvss_score: 0 where there is none.
    """

    number: int
    package: str
    source_id: str
    title: str
    severity: str
    vulnerable_versions: str
    patched_versions: str = ""
    url: str = ""
    overview: str = ""
    cwe: tuple[str, ...] = ()
    cvss_score: float = 0.0
    cvss_vector: str = ""

    def concerns(self, versions: Iterable[str]) -> bool:
        """Whether one of these versions is vulnerable."""
        return any(
            self._range.matches(version)
            for version in map(_parsed, versions)
            if version is not None
        )

    @cached_property
    def _range(self) -> ranges.Range:
        try:
            return ranges.parse(self.vulnerable_versions)
        except ranges.InvalidRange:
            # Better a false alarm than a silence that nobody notices.
            return ranges.parse("*")


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The dependencies in an audit report.

    Attributes:
        paths: where each version stands, as ``outer>inner``, by (package, version).
        dev, optional: how many of them are only needed for development, or not at all.
    """

    paths: Mapping[tuple[str, str], tuple[str, ...]]
    dev: int
    optional: int

    @property
    def installed(self) -> Installed:
        """Return the versions of each package."""
        versions: dict[str, set[str]] = {}
        for package, version in self.paths:
            versions.setdefault(package, set()).add(version)
        return {package: frozenset(found) for package, found in versions.items()}


def parse_bulk(body: object) -> Installed:
    """Read the body of a bulk request: lists of versions, by package name.

    Raises:
        InvalidInput: it is something else.
    """
    if not isinstance(body, dict) or not all(isinstance(one, list) for one in body.values()):
        raise InvalidInput("Send an object of package names, each with a list of versions.")
    if sum(map(len, body.values())) > MAX_AUDITED_VERSIONS:
        raise InvalidInput(f"Send at most {MAX_AUDITED_VERSIONS} versions at once.")
    return {
        package: frozenset(version for version in versions if isinstance(version, str))
        for package, versions in body.items()
    }


def render_bulk(advisories: Iterable[AdvisoryView], installed: Installed) -> bytes:
    """Render the advisories that concern what is installed, by package name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for advisory in advisories:
        if advisory.concerns(installed.get(advisory.package, ())):
            found.setdefault(advisory.package, []).append(_bulk_advisory(advisory))
    return orjson.dumps(found)


def parse_tree(body: object) -> Tree:
    """Read the lockfile tree that an older audit sends.

    Raises:
        InvalidInput: it is something else.
    """
    if not isinstance(body, dict):
        raise InvalidInput("Send the dependency tree of a lockfile, an object.")
    paths: dict[tuple[str, str], list[str]] = {}
    counted: Counter[str] = Counter()
    for number, (package, version, path, node) in enumerate(_nodes(body)):
        if number == MAX_AUDITED_VERSIONS:
            raise InvalidInput(f"Send at most {MAX_AUDITED_VERSIONS} dependencies at once.")
        paths.setdefault((package, version), []).append(path)
        counted.update(flag for flag in ("dev", "optional") if node.get(flag) is True)
    return Tree(
        paths={key: tuple(found) for key, found in paths.items()},
        dev=counted["dev"],
        optional=counted["optional"],
    )


def render_report(advisories: Iterable[AdvisoryView], tree: Tree) -> bytes:
    """Render the older audit report, quick or full."""
    installed = tree.installed
    found: dict[str, dict[str, Any]] = {}
    severities: Counter[str] = Counter()
    for advisory in advisories:
        vulnerable = [
            version
            for version in sorted(installed.get(advisory.package, ()))
            if advisory.concerns([version])
        ]
        if not vulnerable:
            continue
        findings = [
            {"version": version, "paths": list(tree.paths[advisory.package, version])}
            for version in vulnerable
        ]
        severities[advisory.severity] += sum(len(finding["paths"]) for finding in findings)
        found[str(advisory.number)] = {**_report_advisory(advisory), "findings": findings}
    total = sum(map(len, tree.paths.values()))
    return orjson.dumps(
        {
            "actions": [],
            "advisories": found,
            "muted": [],
            "metadata": {
                "vulnerabilities": {severity: severities[severity] for severity in SEVERITIES},
                "dependencies": total - tree.dev - tree.optional,
                "devDependencies": tree.dev,
                "optionalDependencies": tree.optional,
                "totalDependencies": total,
            },
        }
    )


@dataclass(frozen=True)
class _Branch:
    dependencies: Mapping[str, Any]
    path: str = field(default="")


def _nodes(tree: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Give name, version, path and node of every dependency, however deep."""
    branches = [_Branch(_dependencies(tree))]
    while branches:
        branch = branches.pop()
        for package, node in branch.dependencies.items():
            if not isinstance(node, dict):
                continue
            path = f"{branch.path}>{package}" if branch.path else package
            version = node.get("version")
            if isinstance(version, str):
                yield package, version, path, node
            branches.append(_Branch(_dependencies(node), path))


def _dependencies(node: Mapping[str, Any]) -> Mapping[str, Any]:
    dependencies = node.get("dependencies")
    return dependencies if isinstance(dependencies, dict) else {}


def _bulk_advisory(advisory: AdvisoryView) -> dict[str, Any]:
    return {
        "id": advisory.number,
        "url": advisory.url,
        "title": advisory.title,
        "severity": advisory.severity,
        "vulnerable_versions": advisory.vulnerable_versions,
        "cwe": list(advisory.cwe),
        "cvss": {"score": advisory.cvss_score, "vectorString": advisory.cvss_vector or None},
    }


def _report_advisory(advisory: AdvisoryView) -> dict[str, Any]:
    return {
        "id": advisory.number,
        "module_name": advisory.package,
        "title": advisory.title,
        "severity": advisory.severity,
        "vulnerable_versions": advisory.vulnerable_versions,
        "patched_versions": advisory.patched_versions or "<0.0.0",
        "url": advisory.url,
        "overview": advisory.overview,
        "recommendation": "",
        "access": "public",
        "cves": [advisory.source_id] if advisory.source_id.startswith("CVE-") else [],
        "cwe": ", ".join(advisory.cwe),
        "github_advisory_id": advisory.source_id if advisory.source_id.startswith("GHSA-") else "",
    }


def _parsed(raw: str) -> Version | None:
    try:
        return semver.parse(raw)
    except semver.InvalidVersion:
        return None
