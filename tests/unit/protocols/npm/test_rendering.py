from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NotFound, StaleRevision
from app.protocols.npm import rendering
from app.protocols.npm.rendering import PackageView, VersionView

BASE = "https://registry.test/npm/"
START = datetime(2026, 1, 5, 10, tzinfo=UTC)
SHA512 = "ab" * 64
INTEGRITY = "sha512-" + "q6ur" * 21 + "qw=="


def a_version(number: str, *, minutes: int = 0, **more: Any) -> VersionView:
    manifest = {
        "name": "@acme/thing",
        "version": number,
        "description": f"Thing {number}",
        "license": "MIT",
        "dependencies": {"left-pad": "^1.3.0"},
        "bin": {"thing": "cli.js"},
        "scripts": {"postinstall": "node x.js"},
        "hasInstallScript": True,
        "readmeFilename": "README.md",
        "_id": f"@acme/thing@{number}",
        "_npmUser": {"name": "alice", "email": "alice@acme.test"},
    }
    view = VersionView(
        number=number,
        manifest=orjson.dumps(manifest),
        filename=f"thing-{number}.tgz",
        sha1="fe" * 20,
        sha512=SHA512,
        file_count=12,
        unpacked_size=48213,
        published_at=START + timedelta(minutes=minutes, milliseconds=120),
    )
    return replace(view, **more)


def a_package(*versions: VersionView, **more: Any) -> PackageView:
    view = PackageView(
        name="@acme/thing",
        package_id="65f0",
        revision=7,
        tags={"latest": versions[-1].number} if versions else {},
        versions=versions,
        created_at=START,
        modified_at=START + timedelta(hours=1),
    )
    return replace(view, **more)


def full(package: PackageView) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(rendering.render_packument(package, BASE))
    return document


def abbreviated(package: PackageView) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(rendering.render_abbreviated(package, BASE))
    return document


DIST = {
    "tarball": "https://registry.test/npm/@acme/thing/-/thing-1.4.0.tgz",
    "shasum": "fe" * 20,
    "integrity": INTEGRITY,
    "fileCount": 12,
    "unpackedSize": 48213,
}


def test_a_packument_says_everything() -> None:
    signature = {"keyid": "SHA256:x", "sig": "MEUC"}
    package = a_package(
        a_version("1.4.0", signatures=[signature]),
        maintainers=[("alice", "alice@acme.test"), ("ci", "")],
        stars=["bob"],
        readme="# thing\n",
    )
    assert full(package) == {
        "_id": "@acme/thing",
        "_rev": rendering.revision_id("65f0", 7),
        "name": "@acme/thing",
        "dist-tags": {"latest": "1.4.0"},
        "versions": {
            "1.4.0": {
                **orjson.loads(a_version("1.4.0").manifest),
                "dist": {**DIST, "signatures": [signature]},
            }
        },
        "time": {
            "created": "2026-01-05T10:00:00.000Z",
            "modified": "2026-01-05T11:00:00.000Z",
            "1.4.0": "2026-01-05T10:00:00.120Z",
        },
        "maintainers": [{"name": "alice", "email": "alice@acme.test"}, {"name": "ci"}],
        "users": {"bob": True},
        "description": "Thing 1.4.0",
        "license": "MIT",
        "readme": "# thing\n",
        "readmeFilename": "README.md",
    }


def test_an_abbreviated_packument_says_what_an_installer_needs() -> None:
    assert abbreviated(a_package(a_version("1.4.0"), readme="# thing\n")) == {
        "name": "@acme/thing",
        "modified": "2026-01-05T11:00:00.000Z",
        "dist-tags": {"latest": "1.4.0"},
        "time": {"1.4.0": "2026-01-05T10:00:00.120Z"},
        "versions": {
            "1.4.0": {
                "name": "@acme/thing",
                "version": "1.4.0",
                "dependencies": {"left-pad": "^1.3.0"},
                "bin": {"thing": "cli.js"},
                "hasInstallScript": True,
                "dist": DIST,
            }
        },
    }


def test_what_is_not_there_is_left_out() -> None:
    document = full(a_package(a_version("1.4.0")))
    assert not {"users", "readme", "keywords", "repository"} & set(document)
    for form in (document, abbreviated(a_package(a_version("1.4.0")))):
        assert "deprecated" not in form["versions"]["1.4.0"]
        assert "signatures" not in form["versions"]["1.4.0"]["dist"]


def test_a_deprecation_is_its_message_in_every_form() -> None:
    package = a_package(a_version("1.4.0", deprecated='use "2"'), a_version("2.0.0"))
    for document in (full(package), abbreviated(package)):
        assert document["versions"]["1.4.0"]["deprecated"] == 'use "2"'
        assert "deprecated" not in document["versions"]["2.0.0"]


def test_the_packument_speaks_for_its_latest_version() -> None:
    package = a_package(a_version("1.0.0"), a_version("2.0.0"), tags={"latest": "1.0.0"})
    assert full(package)["description"] == "Thing 1.0.0"


def test_versions_that_are_gone_keep_their_times_and_nothing_else() -> None:
    package = a_package(
        a_version("1.1.0", minutes=10),
        withdrawn={"1.0.0": START + timedelta(minutes=5), "1.2.0": START + timedelta(minutes=15)},
    )
    document = full(package)
    assert list(document["time"]) == ["created", "modified", "1.0.0", "1.1.0", "1.2.0"]
    assert list(document["versions"]) == ["1.1.0"]
    assert list(abbreviated(package)["time"]) == ["1.1.0"]


@pytest.mark.parametrize(
    ("numbers", "tags", "expected"),
    [
        (["1.0.0"], {}, {"latest": "1.0.0"}),
        (["1.0.0", "1.10.0", "1.9.0"], {}, {"latest": "1.10.0"}),
        (["1.0.0", "2.0.0-rc.1"], {}, {"latest": "1.0.0"}),
        (["2.0.0-rc.1", "2.0.0-rc.2"], {}, {"latest": "2.0.0-rc.2"}),
        (["1.0.0", "2.0.0"], {"latest": "1.0.0"}, {"latest": "1.0.0"}),
        (["1.0.0"], {"latest": "9.9.9", "next": "9.9.9"}, {"latest": "1.0.0"}),
        (["1.0.0"], {"next": "1.0.0"}, {"latest": "1.0.0", "next": "1.0.0"}),
    ],
)
def test_latest_always_points_at_a_version_that_is_there(
    numbers: list[str], tags: dict[str, str], expected: dict[str, str]
) -> None:
    package = a_package(*map(a_version, numbers), tags=tags)
    assert full(package)["dist-tags"] == abbreviated(package)["dist-tags"] == expected


def test_a_package_without_versions_has_no_tags() -> None:
    assert rendering.visible_tags(a_package()) == {}


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ("1.0.0", "1.0.0"),
        ("1.0.0+build", "1.0.0"),
        ("latest", "1.2.0"),
        ("next", "2.0.0-rc.1"),
        ("^1.0.0", "1.2.0"),
        ("~1.0", "1.0.0"),
        (">=2.0.0-rc.0", "2.0.0-rc.1"),
    ],
)
def test_a_manifest_is_found_by_number_tag_and_range(reference: str, number: str) -> None:
    package = a_package(
        *map(a_version, ("1.0.0", "1.2.0", "2.0.0-rc.1")),
        tags={"latest": "1.2.0", "next": "2.0.0-rc.1"},
    )
    manifest = orjson.loads(rendering.render_manifest(package, reference, BASE))
    assert manifest == full(package)["versions"][number]


@pytest.mark.parametrize("reference", ["9.9.9", "beta", "^3", "../x", "constructor"])
def test_a_version_that_is_not_there_is_named(reference: str) -> None:
    with pytest.raises(NotFound) as refused:
        rendering.render_manifest(a_package(a_version("1.0.0")), reference, BASE)
    assert refused.value.message == f"version not found: {reference}"


def test_a_revision_is_known_again_and_cannot_be_made_up() -> None:
    text = rendering.revision_id("65f0", 12)
    assert text.startswith("12-")
    assert rendering.parse_revision_id("65f0", text) == 12
    made_up = [
        "",
        "12",
        "12-",
        "12-" + "0" * 16,
        text.replace("12-", "13-"),
        text + "0",
        text + "\n",
        "9" * 400 + "-" + "0" * 16,
        rendering.revision_id("65f1", 12),
    ]
    for raw in made_up:
        with pytest.raises(StaleRevision, match=r"^Document update conflict\.$"):
            rendering.parse_revision_id("65f0", raw)


@given(st.text(max_size=20), st.integers(0, 10**15))
def test_every_revision_survives_the_client(package_id: str, revision: int) -> None:
    text = rendering.revision_id(package_id, revision)
    assert rendering.parse_revision_id(package_id, text) == revision


def test_times_are_utc_in_milliseconds() -> None:
    plus_two = timezone(timedelta(hours=2))
    assert rendering.timestamp(datetime(2026, 3, 1, 11, 12, 44, 120999, plus_two)) == (
        "2026-03-01T09:12:44.120Z"
    )
    # MongoDB's rows give UTC without saying so.
    assert rendering.timestamp(datetime(2026, 3, 1, 9)) == "2026-03-01T09:00:00.000Z"  # noqa: DTZ001
