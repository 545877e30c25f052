from __future__ import annotations

from typing import Any

import pytest

from app.errors import InvalidInput
from app.protocols.npm import osv


def document(*events: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "id": "GHSA-aaaa-bbbb-cccc",
        "summary": "It breaks",
        "affected": [
            {
                "package": {"ecosystem": "npm", "name": "left-pad"},
                "ranges": [{"type": "SEMVER", "events": list(events)}],
            }
        ],
        "database_specific": {"severity": "HIGH", "cwe_ids": ["CWE-79"]},
        "references": [{"type": "ADVISORY", "url": "https://advisories.test/1"}],
        **more,
    }


@pytest.mark.parametrize(
    ("events", "vulnerable", "patched"),
    [
        ([{"introduced": "0"}, {"fixed": "1.2.3"}], "<1.2.3", ">=1.2.3"),
        ([{"introduced": "1.0.0"}, {"fixed": "1.2.3"}], ">=1.0.0 <1.2.3", ">=1.2.3"),
        ([{"introduced": "1.0.0"}, {"last_affected": "2.0.0"}], ">=1.0.0 <=2.0.0", ""),
        ([{"introduced": "0"}], "*", ""),
        ([{"introduced": "3.0.0"}], ">=3.0.0", ""),
        (
            [{"introduced": "0"}, {"fixed": "1.0.0"}, {"introduced": "2.0.0"}, {"fixed": "2.1.0"}],
            "<1.0.0 || >=2.0.0 <2.1.0",
            ">=1.0.0 || >=2.1.0",
        ),
    ],
)
def test_events_become_a_range_of_npms(
    events: list[dict[str, str]], vulnerable: str, patched: str
) -> None:
    (found,) = osv.read_document(document(*events))
    assert (found.vulnerable_versions, found.patched_versions) == (vulnerable, patched)


def test_the_rest_is_taken_over() -> None:
    (found,) = osv.read_document(document({"introduced": "0"}))
    assert (found.package, found.source_id, found.severity) == (
        "left-pad",
        "GHSA-aaaa-bbbb-cccc",
        "high",
    )
    assert found.url == "https://advisories.test/1"
    assert found.cwe == ("CWE-79",)


def test_a_withdrawn_document_says_nothing() -> None:
    assert osv.read_document(document(withdrawn="2026-01-01T00:00:00Z")) == []


def test_other_ecosystems_are_passed_over() -> None:
    other = document({"introduced": "0"})
    other["affected"][0]["package"]["ecosystem"] = "PyPI"
    assert osv.read_document(other) == []


@pytest.mark.parametrize("broken", [{}, {"id": 1, "affected": []}, {"id": "x"}])
def test_what_is_no_document_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        osv.read_document(broken)
