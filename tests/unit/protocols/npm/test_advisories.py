from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from app.errors import InvalidInput
from app.protocols.npm.advisories import (
    AdvisoryView,
    parse_bulk,
    parse_tree,
    render_bulk,
    render_report,
)

ADVISORY = AdvisoryView(
    number=1,
    package="plain-a",
    source_id="GHSA-x",
    title="Prototype pollution",
    severity="high",
    vulnerable_versions="<2.0.0",
    patched_versions=">=2.0.0",
    url="https://advisories.test/GHSA-x",
    cwe=("CWE-79",),
    cvss_score=7.5,
)

BULK = {
    "id": 1,
    "url": "https://advisories.test/GHSA-x",
    "title": "Prototype pollution",
    "severity": "high",
    "vulnerable_versions": "<2.0.0",
    "cwe": ["CWE-79"],
    "cvss": {"score": 7.5, "vectorString": None},
}


def bulk(body: object, *advisories: AdvisoryView) -> Any:
    return orjson.loads(render_bulk(advisories, parse_bulk(body)))


def report(body: object, *advisories: AdvisoryView) -> Any:
    return orjson.loads(render_report(advisories, parse_tree(body)))


def test_advisories_for_what_is_installed_are_given_by_package() -> None:
    other = replace(ADVISORY, number=2, package="@acme/thing", vulnerable_versions="1.4.0 || ^3")
    body = {"plain-a": ["2.1.0", "1.0.0"], "@acme/thing": ["1.4.0"], "left-pad": ["1.3.0"]}
    assert bulk(body, ADVISORY, other) == {
        "plain-a": [BULK],
        "@acme/thing": [{**BULK, "id": 2, "vulnerable_versions": "1.4.0 || ^3"}],
    }


@pytest.mark.parametrize(
    "versions", [["2.0.0"], [], ["next", "", "1.x"], [None, 1], ["2.0.0-rc.1"]]
)
def test_nothing_is_given_for_versions_that_are_not_concerned(versions: list[object]) -> None:
    assert bulk({"plain-a": versions}, ADVISORY) == {}


def test_an_advisory_whose_range_nobody_can_read_concerns_every_version() -> None:
    unreadable = replace(ADVISORY, vulnerable_versions="all of them")
    assert set(bulk({"plain-a": ["9.0.0"]}, unreadable)) == {"plain-a"}


@pytest.mark.parametrize("body", [None, [], "x", {"a": "1.0.0"}, {"a": {"b": 1}}, {"a": None}])
def test_a_bulk_request_is_lists_of_versions(body: object) -> None:
    with pytest.raises(InvalidInput, match="each with a list of versions"):
        parse_bulk(body)


def test_a_bulk_request_has_a_limit() -> None:
    with pytest.raises(InvalidInput, match="at most 100000"):
        parse_bulk({"a": ["1.0.0"] * 100_001})


TREE = {
    "name": "app",
    "version": "1.0.0",
    "requires": {"plain-a": "^1"},
    "dependencies": {
        "plain-a": {"version": "1.0.0", "dependencies": {"plain-b": {"version": "1.0.0"}}},
        "plain-b": {
            "version": "2.0.0",
            "dev": True,
            "dependencies": {"plain-a": {"version": "1.0.0", "dev": True}},
        },
        "plain-c": {"version": "1.0.0", "optional": True},
        "broken": "1.0.0",
    },
}


def test_an_older_report_says_where_each_finding_is() -> None:
    found = report(TREE, ADVISORY, replace(ADVISORY, number=2, package="plain-c", severity="low"))
    assert found["advisories"]["1"] == {
        "id": 1,
        "module_name": "plain-a",
        "title": "Prototype pollution",
        "severity": "high",
        "vulnerable_versions": "<2.0.0",
        "patched_versions": ">=2.0.0",
        "url": "https://advisories.test/GHSA-x",
        "overview": "",
        "recommendation": "",
        "access": "public",
        "cves": [],
        "cwe": "CWE-79",
        "github_advisory_id": "GHSA-x",
        "findings": [{"version": "1.0.0", "paths": ["plain-a", "plain-b>plain-a"]}],
    }
    assert found["metadata"] == {
        "vulnerabilities": {"info": 0, "low": 1, "moderate": 0, "high": 2, "critical": 0},
        "dependencies": 2,
        "devDependencies": 2,
        "optionalDependencies": 1,
        "totalDependencies": 5,
    }
    assert (found["actions"], found["muted"]) == ([], [])


def test_an_older_report_of_a_clean_tree_is_empty() -> None:
    found = report(TREE, replace(ADVISORY, vulnerable_versions=">5"))
    assert found["advisories"] == {}
    assert set(found["metadata"]["vulnerabilities"].values()) == {0}


def test_an_advisory_without_a_patch_says_so() -> None:
    unpatched = replace(ADVISORY, patched_versions="", source_id="CVE-2026-1")
    advisory = report(TREE, unpatched)["advisories"]["1"]
    assert advisory["patched_versions"] == "<0.0.0"
    assert advisory["cves"] == ["CVE-2026-1"]
    assert advisory["github_advisory_id"] == ""


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_a_tree_is_an_object(body: object) -> None:
    with pytest.raises(InvalidInput, match="dependency tree"):
        parse_tree(body)


@pytest.mark.parametrize(
    "body", [{}, {"dependencies": []}, {"dependencies": {"a": {"version": 1}}}]
)
def test_a_tree_without_versions_has_no_dependencies(body: dict[str, Any]) -> None:
    assert report(body, ADVISORY)["metadata"]["totalDependencies"] == 0


def test_a_tree_has_a_limit() -> None:
    many = {f"p{number}": {"version": "1.0.0"} for number in range(100_001)}
    with pytest.raises(InvalidInput, match="at most 100000"):
        parse_tree({"dependencies": many})
