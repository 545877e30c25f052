from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from app.errors import DigestMismatch, InvalidInput, TooLarge, UnsupportedMediaType
from app.protocols.npm import names, parsing
from tests.npm_wire import PublishDocument, a_publish
from tests.unit.protocols.npm.artifacts import MemoryStage, Pieces

THING = names.parse_name("@acme/thing")
KEY = "@acme/thing-1.4.0.tgz"


def classified(
    document: dict[str, Any], name: names.PackageName = THING, *, revision: str | None = None
) -> parsing.Change:
    body = parsing.read_publish(
        Pieces(json.dumps(document).encode()), limit_document_bytes=2**22, stage=MemoryStage
    )
    return parsing.classify(body, name, revision=revision)


def published(document: PublishDocument) -> parsing.Publish:
    change = classified(document.document)
    assert isinstance(change, parsing.Publish)
    return change


def a_thing() -> PublishDocument:
    return a_publish("@acme/thing", "1.4.0", tag="next")


def test_a_publish_says_what_goes_where() -> None:
    sent = a_thing()
    change = published(sent)
    assert change.name == THING
    assert change.version.key == "1.4.0"
    assert change.tags == {"next"}
    assert change.access is None
    assert change.manifest["name"] == "@acme/thing"
    assert change.provenance is None
    with change.tarball.open() as file:
        assert file.read() == sent.tarball


def test_build_metadata_is_part_of_the_document_and_not_of_the_key() -> None:
    change = published(a_publish("@acme/thing", "1.4.0+sha.1"))
    assert change.version.key == "1.4.0"
    assert change.version.text == "1.4.0+sha.1"
    assert change.tags == {"latest"}


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    ],
)
def test_provenance_is_kept_as_the_text_that_came(media_type: str) -> None:
    sent = a_thing()
    bundle = json.dumps({"mediaType": media_type, "note": "é𝒳"}, ensure_ascii=False, indent=2)
    _prove(sent, bundle, length=len(bundle) + 1)  # JavaScript counts the last letter twice.
    assert published(sent).provenance == bundle


def test_provenance_has_a_limit_of_its_own() -> None:
    sent = a_thing()
    _prove(sent, json.dumps({"mediaType": BUNDLE_TYPE, "note": "x" * 1024 * 1024}))
    with pytest.raises(TooLarge, match="provenance bundle is larger than the limit of 1048576"):
        classified(sent.document)


def test_what_clients_may_leave_out_is_not_missed() -> None:
    sent = a_thing()
    for member in ("_id", "dist-tags", "access"):
        del sent.document[member]
    del sent.manifest["dist"]
    del sent.attachment["length"]
    change = published(sent)
    assert change.tags == frozenset()


@pytest.mark.parametrize("access", list(parsing.Access))
def test_the_access_that_is_asked_for_is_told(access: parsing.Access) -> None:
    sent = a_thing()
    sent.document["access"] = str(access)
    assert published(sent).access is access


BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE = json.dumps({"mediaType": BUNDLE_TYPE})

Bend = Callable[[PublishDocument], object]

BENT: list[tuple[str, Bend]] = [
    ("'name' is not @acme/thing", lambda sent: sent.document.update(name="other")),
    ("'_id' is not @acme/thing", lambda sent: sent.document.update(_id="other")),
    ("must both have the name", lambda sent: sent.document.pop("name")),
    ("must both have the name", lambda sent: sent.manifest.update(name="other")),
    ("must both have the name", lambda sent: sent.manifest.pop("name")),
    ("holds exactly one version; this one holds 0", lambda sent: sent.document["versions"].clear()),
    (
        "holds exactly one version; this one holds 2",
        lambda sent: sent.document["versions"].update({"2.0.0": {}}),
    ),
    ("needs 'versions', an object", lambda sent: sent.document.update(versions=[])),
    ("'version' must be equal", lambda sent: sent.manifest.update(version="1.4.1")),
    ("'version' must be equal", lambda sent: sent.document.update(versions={"1.4.0": "1.4.0"})),
    ("exactly one tarball, as the attachment", lambda sent: _rename(sent, "@acme/thing-1.4.1.tgz")),
    ("exactly one tarball, as the attachment", lambda sent: _rename(sent, "thing-1.4.0.tgz")),
    ("exactly one tarball, as the attachment", lambda sent: _rename(sent, "../../x.tgz")),
    (
        "exactly one tarball",
        lambda sent: sent.document["_attachments"].update({"b.tgz": dict(sent.attachment)}),
    ),
    (
        "exactly one tarball",
        lambda sent: sent.document.update(
            _attachments={"@acme/thing-1.4.0.sigstore": {"data": "{}"}}
        ),
    ),
    ("exactly one tarball", lambda sent: sent.attachment.pop("data")),
    ("needs '_attachments', an object", lambda sent: sent.document.update(_attachments=[1])),
    ("'length' says otherwise", lambda sent: sent.attachment.update(length=1)),
    ("'length' says otherwise", lambda sent: sent.attachment.update(length=True)),
    ("'length' says otherwise", lambda sent: sent.attachment.update(length="222")),
    ("not valid base64", lambda sent: sent.attachment.update(data="Q")),
    ("40 hexadecimal digits", lambda sent: sent.manifest["dist"].update(shasum="1")),
    ("must be digests", lambda sent: sent.manifest["dist"].update(integrity="1")),
    (r"dist\.shasum must be a text", lambda sent: sent.manifest["dist"].update(shasum=1)),
    ("needs 'dist', an object", lambda sent: sent.manifest.update(dist=1)),
    ("'access' must be", lambda sent: sent.document.update(access="secret")),
    ("'access' must be", lambda sent: sent.document.update(access={})),
    ("must point at 1.4.0", lambda sent: sent.document.update({"dist-tags": {"next": "1.4.1"}})),
    ("must point at 1.4.0", lambda sent: sent.document.update({"dist-tags": {"next": None}})),
    ("at most 100 tags", lambda sent: sent.document.update({"dist-tags": _many_tags()})),
    ("needs 'dist-tags', an object", lambda sent: sent.document.update({"dist-tags": []})),
    *(
        (
            "cannot be a tag",
            lambda sent, tag=tag: sent.document.update({"dist-tags": {tag: "1.4.0"}}),
        )
        for tag in ("1.x", ">=1", "v1.0.0", "", "../x")
    ),
    (
        "Provenance is one attachment",
        lambda sent: sent.document["_attachments"].update({"x.sigstore": {"data": "{}"}}),
    ),
    (
        "Provenance is one attachment",
        lambda sent: sent.document["_attachments"].update({"@acme/thing-1.4.0.sigstore": {}}),
    ),
    ("provenance bundle is not valid JSON", lambda sent: _prove(sent, "")),
    ("provenance bundle is not valid JSON", lambda sent: _prove(sent, "{")),
    ("provenance bundle is not a JSON object", lambda sent: _prove(sent, "[]")),
    ("provenance bundle is nested", lambda sent: _prove(sent, "[" * 500 + "]" * 500)),
    ("needs a 'mediaType'", lambda sent: _prove(sent, "{}")),
    ("needs a 'mediaType'", lambda sent: _prove(sent, '{"mediaType": 1}')),
    ("needs a 'mediaType'", lambda sent: _prove(sent, '{"mediaType": "application/json"}')),
    ("'length' says otherwise", lambda sent: _prove(sent, BUNDLE, length=1)),
    ("'length' says otherwise", lambda sent: _prove(sent, BUNDLE, length="2")),
]


def _prove(sent: PublishDocument, bundle: str, **more: object) -> None:
    sent.document["_attachments"]["@acme/thing-1.4.0.sigstore"] = {"data": bundle, **more}


def _rename(sent: PublishDocument, key: str) -> None:
    sent.document["_attachments"] = {key: sent.attachment}


def _many_tags() -> dict[str, str]:
    return {f"tag-{number}": "1.4.0" for number in range(101)}


@pytest.mark.parametrize(("complaint", "bend"), BENT)
def test_a_publish_that_contradicts_itself_is_refused(complaint: str, bend: Bend) -> None:
    sent = a_thing()
    bend(sent)
    with pytest.raises(InvalidInput, match=complaint):
        classified(sent.document)


@pytest.mark.parametrize(
    "number", ["1", "v1.0", "1.0.0.0", "latest", "01.2.3", "1.0.0-" + "a" * 251]
)
def test_a_publish_needs_a_strict_version(number: str) -> None:
    with pytest.raises(InvalidInput, match="is not a semantic version"):
        published(a_publish("@acme/thing", number))


@pytest.mark.parametrize(
    ("member", "digest"), [("shasum", "0" * 40), ("integrity", "sha1-" + "A" * 27 + "=")]
)
def test_a_publish_with_another_digest_is_refused(member: str, digest: str) -> None:
    sent = a_thing()
    sent.manifest["dist"][member] = digest
    with pytest.raises(DigestMismatch, match=rf"dist\.{member}"):
        published(sent)


def test_versions_without_attachments_are_deprecations() -> None:
    change = classified(
        {
            "_id": "@acme/thing",
            "_rev": "3-x",
            "name": "@acme/thing",
            "dist-tags": {"latest": "2.0.0"},
            "versions": {
                "1.0.0": {"deprecated": "use 2"},
                "1.1.0": {"deprecated": ""},
                "2.0.0": {},
            },
        }
    )
    assert change == parsing.Deprecation(
        messages={"1.0.0": "use 2", "1.1.0": "", "2.0.0": ""}, revision="3-x"
    )


@pytest.mark.parametrize("message", [None, False, True, 1, ["x"], "x" * 1025])
def test_a_deprecation_message_is_a_text_of_some_length(message: object) -> None:
    with pytest.raises(InvalidInput, match=r"message of 1\.0\.0 must be a text of at most 1024"):
        classified({"versions": {"1.0.0": {"deprecated": message}}})
    longest = classified({"versions": {"1.0.0": {"deprecated": "x" * 1024}}})
    assert isinstance(longest, parsing.Deprecation)


def test_users_without_versions_are_stars() -> None:
    change = classified({"_id": "@acme/thing", "users": {"alice": True, "bob": False}})
    assert change == parsing.Star(usernames=frozenset({"alice"}), revision=None)


def test_maintainers_at_a_revision_are_owners() -> None:
    change = classified(
        {
            "_id": "@acme/thing",
            "_rev": "1-a",
            "maintainers": [{"name": "bob", "email": "b@acme.test"}],
        },
        revision="1-a",
    )
    assert change == parsing.Owners(
        maintainers=(parsing.Maintainer(username="bob", email="b@acme.test"),), revision="1-a"
    )


@pytest.mark.parametrize("listed", [[], {}, None, ["bob"], [{}], [{"name": 1}], [{"name": ""}]])
def test_a_package_needs_owners_with_names(listed: object) -> None:
    with pytest.raises(InvalidInput, match="'maintainers'"):
        classified({"maintainers": listed}, revision="1-a")


def test_versions_at_a_revision_are_what_is_left_of_a_package() -> None:
    change = classified(
        {"name": "@acme/thing", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {}}},
        revision="7-b",
    )
    assert change == parsing.Removal(
        kept=frozenset({"1.0.0"}), tags={"latest": "1.0.0"}, revision="7-b"
    )


@pytest.mark.parametrize(
    ("document", "revision", "complaint"),
    [
        ({}, None, "changes nothing"),
        ({"readme": "x"}, None, "changes nothing"),
        ({}, "1-a", "Send a packument"),
        ({"versions": []}, None, "needs 'versions', an object"),
        ({"users": []}, None, "needs 'users', an object"),
        ({"users": {}, "_rev": 1}, None, "'_rev' must be a text"),
        ({"versions": {}}, "1-a", "needs 'dist-tags', an object"),
        ({"versions": {}, "dist-tags": {"latest": 1}}, "1-a", "must be a version number"),
        ({"versions": {}, "dist-tags": {">=1": "1.0.0"}}, "1-a", "cannot be a tag"),
        ({"name": "other", "users": {}}, None, "'name' is not @acme/thing"),
        ({"_id": "other", "maintainers": []}, "1-a", "'_id' is not @acme/thing"),
    ],
)
def test_a_document_that_asks_for_nothing_is_refused(
    document: dict[str, Any], revision: str | None, complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        classified(document, revision=revision)


@pytest.mark.parametrize("value", ["1.4.0", {"a": ["1.0.0"]}, [], None, 1])
def test_small_json_of_any_type_is_read_plain_and_compressed(value: object) -> None:
    raw = json.dumps(value).encode()
    assert parsing.read_json(io.BytesIO(raw), encoding="", limit_bytes=100) == value
    compressed = io.BytesIO(gzip.compress(raw))
    assert parsing.read_json(compressed, encoding=" GZip ", limit_bytes=100) == value


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"", ""),
        (b"{", "identity"),
        (b"{}", "gzip"),
        (gzip.compress(b"{}", mtime=0)[:-1], "gzip"),
        (gzip.compress(b"{}", mtime=0) + b"x", "gzip"),
        (gzip.compress(b"{}", mtime=0) * 2, "gzip"),
        (gzip.compress(b"{", mtime=0), "x-gzip"),
        (b"", "gzip"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(raw: bytes, encoding: str) -> None:
    with pytest.raises(InvalidInput):
        parsing.read_json(io.BytesIO(raw), encoding=encoding, limit_bytes=100)


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate"])
def test_a_body_in_another_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        parsing.read_json(io.BytesIO(b"{}"), encoding=encoding, limit_bytes=100)


@pytest.mark.parametrize("raw", [b" " * 101, b" " * 10**6])
def test_a_body_over_its_limit_is_refused_before_and_after_decompression(raw: bytes) -> None:
    with pytest.raises(TooLarge):
        parsing.read_json(io.BytesIO(raw), encoding="", limit_bytes=100)
    with pytest.raises(TooLarge):
        parsing.read_json(io.BytesIO(gzip.compress(raw)), encoding="gzip", limit_bytes=100)
