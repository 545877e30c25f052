"""Read advisories in the OSV format, as GitHub's advisory database publishes them.

Spec: Open Source Vulnerability format 1.6, ``affected[].ranges[].events``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidInput
from app.extensions import coherence
from app.models import Advisory, Counter, in_transaction
from app.protocols.npm.advisories import SEVERITIES
from app.protocols.npm.identity import PROTOCOL_NAME

ECOSYSTEM = "npm"
MODERATE = "moderate"
_TAG = "advisories"

Writer = Callable[[Iterable[Mapping[str, str]]], list[str]]


@dataclass(frozen=True, kw_only=True)
class KnownAdvisory:
    """What one document says of one package; ranges are in npm's syntax."""

    package: str
    source_id: str
    title: str
    url: str
    severity: str
    vulnerable_versions: str
    patched_versions: str
    overview: str
    cwe: tuple[str, ...]


def read_document(document: Mapping[str, Any]) -> list[KnownAdvisory]:
    """Return what a document says of npm packages; none where it was withdrawn.

    Raises:
        InvalidInput: it is no OSV document.
    """
    source_id = document.get("id")
    if not isinstance(source_id, str) or not isinstance(document.get("affected"), list):
        raise InvalidInput("An OSV document has an 'id' and a list 'affected'.")
    if document.get("withdrawn"):
        return []
    details = document.get("database_specific") or {}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for affected in document["affected"]:
        package = affected.get("package") or {}
        if package.get("ecosystem") == ECOSYSTEM and isinstance(package.get("name"), str):
            found.setdefault(package["name"], []).append(affected)
    return [
        KnownAdvisory(
            package=name,
            source_id=source_id,
            title=str(document.get("summary") or source_id),
            url=_url(document),
            severity=_severity(details),
            vulnerable_versions=_ranges(affected, _vulnerable) or _listed(affected) or "*",
            patched_versions=_ranges(affected, _patched),
            overview=str(document.get("details") or ""),
            cwe=tuple(map(str, details.get("cwe_ids") or ())),
        )
        for name, affected in found.items()
    ]


def keep(advisories: Iterable[KnownAdvisory]) -> int:
    """Store advisories; one that is known already is brought up to date. Returns how many."""
    wanted = list(advisories)

    def work() -> None:
        for one in wanted:
            key = {
                "protocol": PROTOCOL_NAME,
                "package": one.package,
                "source_id": one.source_id,
            }
            row = Advisory.objects(**key).first() or Advisory(
                **key, number=Counter.next("advisories")
            )
            for name in ("title", "url", "severity", "vulnerable_versions"):
                setattr(row, name, getattr(one, name))
            row.patched_versions = one.patched_versions
            row.overview = one.overview
            row.cwe = list(one.cwe)
            row.save()

    coherence.change({_TAG}, lambda: in_transaction(work))
    return len(wanted)


def _ranges(affected: Iterable[Mapping[str, Any]], write: Writer) -> str:
    parts = [
        part
        for one in affected
        for span in one.get("ranges") or ()
        if span.get("type") in {"SEMVER", "ECOSYSTEM"}
        for part in write(span.get("events") or ())
    ]
    return " || ".join(dict.fromkeys(parts))


def _listed(affected: Iterable[Mapping[str, Any]]) -> str:
    versions = [str(version) for one in affected for version in one.get("versions") or ()]
    return " || ".join(dict.fromkeys(versions))


def _vulnerable(events: Iterable[Mapping[str, str]]) -> list[str]:
    """Write the spans between ``introduced`` and what ends them."""
    spans: list[str] = []
    begin = ""
    for event in events:
        if "introduced" in event:
            begin = "" if event["introduced"] == "0" else f">={event['introduced']}"
        elif "fixed" in event:
            spans.append(f"{begin} <{event['fixed']}".strip())
            begin = "ended"
        elif "last_affected" in event:
            spans.append(f"{begin} <={event['last_affected']}".strip())
            begin = "ended"
    if begin != "ended":
        spans.append(begin or "*")
    return spans


def _patched(events: Iterable[Mapping[str, str]]) -> list[str]:
    return [f">={event['fixed']}" for event in events if "fixed" in event]


def _severity(details: Mapping[str, Any]) -> str:
    named = str(details.get("severity") or "").lower()
    return named if named in SEVERITIES else MODERATE


def _url(document: Mapping[str, Any]) -> str:
    references = document.get("references") or ()
    urls = [str(one["url"]) for one in references if re.match("https?://", str(one.get("url")))]
    return urls[0] if urls else ""
