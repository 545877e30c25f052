from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.npm_wire import PublishDocument, tarball

if TYPE_CHECKING:
    from tests.acme import Acme
    from tests.integration.protocols.npm.conftest import Npm


def _found(npm: Npm, query: str) -> tuple[list[str], int]:
    answer = npm.get(f"-/v1/search?{query}")
    assert answer.status_code == 200, answer.get_data()
    body = answer.get_json()
    return [one["package"]["name"] for one in body["objects"]], body["total"]


def _deprecate(npm: Npm, name: str) -> None:
    packument = npm.get(f"{name}?write=true").get_json()
    for manifest in packument["versions"].values():
        manifest["deprecated"] = "use another"
    assert npm.request("PUT", name, json.dumps(packument).encode()).status_code == 201


def test_a_page_is_part_of_what_was_found_and_the_total_is_all_of_it(npm: Npm) -> None:
    for name in ("@acme/c", "@acme/a", "@acme/b"):
        npm.published(name)
    assert _found(npm, "text=acme&size=2") == (["@acme/a", "@acme/b"], 3)
    assert _found(npm, "text=acme&size=2&from=2") == (["@acme/c"], 3)
    assert _found(npm, "text=acme&from=3") == ([], 3)


def test_a_search_goes_only_so_far(npm: Npm) -> None:
    assert _found(npm, "text=acme&from=10000") == ([], 0)
    refused = npm.get("-/v1/search?text=acme&from=10001")
    assert refused.status_code == 400
    assert "at most 10000" in refused.get_json()["error"]


def test_who_asks_for_no_hits_gets_none_but_their_number(npm: Npm) -> None:
    npm.published("@acme/a")
    npm.published("@acme/b")
    assert _found(npm, "text=acme&size=0") == ([], 2)


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ("is:unstable", ["@acme/old", "@acme/young"]),
        ("not:unstable", ["@acme/fine", "@acme/left"]),
        ("is:deprecated", ["@acme/left", "@acme/old"]),
        ("not:deprecated", ["@acme/fine", "@acme/young"]),
        ("not:deprecated not:unstable not:insecure", ["@acme/fine"]),
        ("is:deprecated not:deprecated", []),
        ("is:insecure", []),
    ],
)
def test_flags_are_counted_before_the_page_is_cut(flags: str, names: list[str], npm: Npm) -> None:
    npm.published("@acme/fine", "1.0.0")
    npm.published("@acme/left", "10.0.0")
    npm.published("@acme/old", "0.9.0")
    npm.published("@acme/young", "0.1.0")
    _deprecate(npm, "@acme/left")
    _deprecate(npm, "@acme/old")
    assert _found(npm, f"text={flags.replace(' ', '+')}") == (names, len(names))
    assert _found(npm, f"text={flags.replace(' ', '+')}&size=1") == (names[:1], len(names))


def test_an_older_deprecated_version_does_not_make_a_package_deprecated(npm: Npm) -> None:
    npm.published("@acme/thing", "1.0.0")
    _deprecate(npm, "@acme/thing")
    npm.published("@acme/thing", "1.1.0")
    assert _found(npm, "text=not:deprecated") == (["@acme/thing"], 1)


def test_a_hit_says_what_npm_shows(npm: Npm) -> None:
    npm.published("@acme/thing", keywords=["x"], author="Alice <a@acme.test>", homepage="https://a")
    (hit,) = npm.get("-/v1/search?text=thing").get_json()["objects"]
    package = hit["package"]
    assert package["version"] == "1.0.0"
    assert package["description"] == "@acme/thing in a test"
    assert package["keywords"] == ["x"]
    assert package["author"] == {"name": "Alice", "email": "a@acme.test"}
    assert package["publisher"]["username"] == "mallory"
    assert [one["username"] for one in package["maintainers"]] == ["mallory"]
    assert package["links"]["homepage"] == "https://a"


def test_a_very_large_manifest_is_not_read_for_a_hit(npm: Npm) -> None:
    package_json = {
        "name": "@acme/thing",
        "version": "1.0.0",
        "description": "large " * 20_000,
        "keywords": ["x" * 50_000, *(f"k{number}" for number in range(1000))],
    }
    assert (
        npm.publish(PublishDocument("@acme/thing", "1.0.0", tarball(package_json))).status_code
        == 201
    )
    answer = npm.get("-/v1/search?text=thing")
    (hit,) = answer.get_json()["objects"]
    assert (hit["package"]["name"], hit["package"]["version"]) == ("@acme/thing", "1.0.0")
    assert hit["package"]["description"].startswith("large ")
    assert "k0" in hit["package"]["keywords"]
    assert len(answer.get_data()) < 10_000


def test_others_packages_are_neither_found_nor_counted(npm: Npm, npm_as: Any, acme: Acme) -> None:
    npm.published()
    assert _found(npm_as(acme.reader), "text=") == (["@acme/thing"], 1)
    assert _found(npm_as(acme.outsider), "text=") == ([], 0)
    assert _found(npm_as(), "text=") == ([], 0)


@pytest.mark.parametrize("path", ["-/all", "-/all/since?stale=update_after&startkey=1"])
def test_nobody_gets_a_list_of_everything(path: str, npm: Npm) -> None:
    npm.published()
    answer = npm.get(path)
    assert answer.status_code == 404
    assert answer.get_json()["error"]
