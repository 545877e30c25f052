from __future__ import annotations

import io
from typing import Any

import pytest

from app.errors import InvalidInput
from app.protocols.npm import names, parsing, semver
from app.protocols.npm.archives import inspect_tarball
from app.protocols.npm.manifests import Publisher, build_manifest
from tests.npm_wire import tarball
from tests.unit.protocols.npm.artifacts import MemoryStaged

ALICE = Publisher(username="alice", email="alice@acme.test")


def manifest_of(
    package_json: dict[str, Any],
    files: dict[str, bytes] | None = None,
    *,
    said_by_client: dict[str, Any] | None = None,
    publisher: Publisher = ALICE,
) -> dict[str, Any]:
    """Publish a package as @acme/thing 1.4.0 and return its manifest."""
    packed = tarball({"name": "@acme/thing", "version": "1.4.0", **package_json}, files)
    change = parsing.Publish(
        name=names.parse_name("@acme/thing"),
        version=semver.parse("1.4.0"),
        tags=frozenset(),
        access=None,
        manifest=said_by_client or {},
        tarball=MemoryStaged(packed),
        provenance=None,
    )
    return build_manifest(inspect_tarball(io.BytesIO(packed)), change, publisher=publisher)


def test_a_manifest_names_its_package_and_its_publisher() -> None:
    assert manifest_of({}) == {
        "name": "@acme/thing",
        "version": "1.4.0",
        "_id": "@acme/thing@1.4.0",
        "_npmUser": {"name": "alice", "email": "alice@acme.test"},
    }


def test_a_publisher_without_an_address_has_none_in_the_manifest() -> None:
    nobody = Publisher(username="ci", email="")
    assert manifest_of({}, publisher=nobody)["_npmUser"] == {"name": "ci"}


def test_the_tarball_says_what_is_installed_and_not_the_client() -> None:
    manifest = manifest_of(
        {"dependencies": {"real": "1"}, "scripts": {"postinstall": "node x.js"}, "bin": "x.js"},
        said_by_client={
            "dependencies": {"false": "1"},
            "scripts": {},
            "bin": {"other": "y.js"},
            "hasInstallScript": False,
            "license": "MIT",
        },
    )
    assert manifest["dependencies"] == {"real": "1"}
    assert manifest["scripts"] == {"postinstall": "node x.js"}
    assert manifest["bin"] == {"thing": "x.js"}
    assert manifest["hasInstallScript"] is True
    assert "license" not in manifest


def test_the_client_says_with_what_the_tarball_was_made() -> None:
    kept = {"_nodeVersion": "24.19.0", "_npmVersion": "11.17.0", "gitHead": "f" * 40}
    leaked = {"_resolved": "thing.tgz", "_from": "file:thing.tgz", "_integrity": "sha512-x"}
    manifest = manifest_of({}, said_by_client={**kept, **leaked, "_other": 1})
    assert manifest == {**manifest_of({}), **kept}


@pytest.mark.parametrize("value", [1, None, "x" * 65, "<script>", "24\n", ""])
def test_what_the_client_says_must_look_like_it(value: object) -> None:
    manifest = manifest_of({}, said_by_client={"_nodeVersion": value, "gitHead": value})
    assert not {"_nodeVersion", "gitHead"} & set(manifest)


def test_what_only_the_registry_may_say_is_not_taken_from_package_json() -> None:
    manifest = manifest_of(
        {
            "_id": "other",
            "_private": "x",
            "_hasShrinkwrap": True,
            "_npmUser": {"name": "mallory"},
            "dist": {"tarball": "http://mallory.test/x.tgz"},
            "deprecated": "x",
            "hasInstallScript": True,
            "maintainers": ["mallory"],
            "readme": "x",
            "readmeFilename": "x",
            "main": None,
        }
    )
    assert manifest == manifest_of({})


def test_what_the_archive_holds_is_told() -> None:
    manifest = manifest_of(
        {}, {"npm-shrinkwrap.json": b"{}", "binding.gyp": b"{}", "README.md": b"# hi"}
    )
    assert manifest["_hasShrinkwrap"] is True
    assert manifest["readmeFilename"] == "README.md"
    assert manifest["gypfile"] is True
    assert manifest["scripts"] == {"install": "node-gyp rebuild"}
    assert manifest["hasInstallScript"] is True


def test_other_fields_are_shown_as_they_are() -> None:
    fields = {
        "license": "MIT",
        "exports": {".": {"import": "./i.mjs"}},
        "publishConfig": {"access": "public"},
        "directories": {"bin": "./bin"},
        "funding": "https://acme.test/fund",
        "workspaces": ["a"],
        "x-custom": [1, None],
    }
    manifest = manifest_of(fields)
    assert {name: manifest[name] for name in fields} == fields


@pytest.mark.parametrize("version", ["1.4.0+sha.1", "v1.4.0", " =v1.4.0 ", "1.4.0"])
def test_a_version_is_the_same_however_package_json_spells_it(version: str) -> None:
    assert manifest_of({"version": version})["version"] == "1.4.0"


@pytest.mark.parametrize(
    ("package_json", "complaint"),
    [
        ({"name": "other"}, "has the name 'other', and the package is published as @acme/thing"),
        ({"name": "thing"}, "has the name 'thing'"),
        ({"name": None}, "has the name None"),
        ({"name": ["@acme/thing"]}, "has the name"),
        ({"version": "1.4.1"}, "has the version '1.4.1', and it is published as 1.4.0"),
        ({"version": "1.4"}, "has the version '1.4'"),
        ({"version": None}, "has the version None"),
        ({"version": 1}, "has the version 1"),
        ({"dependencies": ["left-pad"]}, "'dependencies' must be an object"),
    ],
)
def test_a_tarball_of_something_else_is_refused(
    package_json: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        manifest_of(package_json)
