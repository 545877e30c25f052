from __future__ import annotations

import base64
import hashlib
import json
import random
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import InvalidInput, TooLarge
from app.protocols.npm.attachments import Base64Decoder, Body, read_publish
from tests.npm_wire import a_publish
from tests.unit.protocols.npm.artifacts import MemoryStage, MemoryStaged, Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LIMIT = 2**20
TARBALL = random.Random(1).randbytes(5000)  # noqa: S311  any bytes will do
NAME = "@acme/thing-1.4.0.tgz"
ENCODED = base64.b64encode(TARBALL).decode()


def read(
    raw: bytes,
    sizes: Iterable[int] = (),
    *,
    limit_document_bytes: int = LIMIT,
    stage: Callable[[], MemoryStage] = MemoryStage,
) -> Body:
    return read_publish(Pieces(raw, sizes), limit_document_bytes=limit_document_bytes, stage=stage)


def content_of(body: Body) -> dict[str, bytes]:
    return {name: staged.open().read() for name, staged in body.tarballs.items()}


def document(**attachment: Any) -> bytes:
    whole = {"content_type": "application/octet-stream", "data": ENCODED, "length": 5000}
    return json.dumps({"name": "@acme/thing", "_attachments": {NAME: whole | attachment}}).encode()


def test_the_tarball_is_decoded_and_the_rest_is_kept() -> None:
    body = read(a_publish("@acme/thing", "1.4.0", readme="# hi").body())
    assert body.document["versions"]["1.4.0"]["name"] == "@acme/thing"
    assert body.document["_attachments"][NAME]["data"] == ""
    sent = a_publish("@acme/thing", "1.4.0", readme="# hi").tarball
    assert content_of(body) == {NAME: sent}


@pytest.mark.parametrize(
    "order", [("data", "length", "content_type"), ("content_type", "length", "data")]
)
def test_members_may_come_in_any_order(order: tuple[str, ...]) -> None:
    values = {"data": ENCODED, "length": 5000, "content_type": "x"}
    attachments = {NAME: {member: values[member] for member in order}}
    first = {"_attachments": attachments, "name": "x", "versions": {}}
    last = {"name": "x", "versions": {}, "_attachments": attachments}
    for whole in (first, last):
        body = read(json.dumps(whole, indent=2).encode())
        assert content_of(body) == {NAME: TARBALL}
        assert body.document["_attachments"][NAME]["length"] == 5000


def test_a_document_without_attachments_is_read_as_it_is() -> None:
    whole = {"_id": "x", "versions": {"1.0.0": {"deprecated": "_attachments"}}, "n": [1, None]}
    body = read(json.dumps(whole).encode())
    assert body.document == whole
    assert body.tarballs == {}


@pytest.mark.parametrize(
    "decoy",
    [
        {"description": "_attachments"},
        {"versions": {"_attachments": {"x": {"data": "QUJD"}}}},
        {"versions": [{"_attachments": {"x": {"data": "QUJD"}}}]},
        {"readme": 'say "_attachments": {"x": {"data": "QUJD"}}'},
        {"readme": '\\"_attachments"'},
        {"readme": "}}}{{{[[["},
    ],
)
def test_only_a_member_of_the_document_itself_holds_attachments(decoy: dict[str, Any]) -> None:
    for whole in (
        {**decoy, "_attachments": {NAME: {"data": ENCODED}}},
        {"_attachments": {NAME: {"data": ENCODED}}, **decoy},
    ):
        body = read(json.dumps(whole).encode())
        assert content_of(body) == {NAME: TARBALL}
        assert {name: body.document[name] for name in decoy} == decoy
    assert read(json.dumps(decoy).encode()).document == decoy


def test_a_provenance_bundle_stays_a_text() -> None:
    bundle = json.dumps({"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.3"})
    raw = json.dumps(
        {"_attachments": {"x-1.0.0.sigstore": {"data": bundle}, NAME: {"data": ENCODED}}}
    ).encode()
    body = read(raw)
    assert body.document["_attachments"]["x-1.0.0.sigstore"]["data"] == bundle
    assert content_of(body) == {NAME: TARBALL}


@pytest.mark.parametrize(
    "escape",
    [
        lambda text: text.replace("/", "\\/"),
        lambda text: text.replace("+", "\\u002B").replace("=", "\\u003d"),
        lambda text: text.replace("/", "\\u002f").replace("+", "\\u002b").replace("=", "\\u003D"),
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 2, 5, 7, 64, 10**6])
def test_escapes_in_base64_are_undone(escape: Callable[[str], str], piece_bytes: int) -> None:
    raw = document().replace(ENCODED.encode(), escape(ENCODED).encode())
    assert content_of(read(raw, iter(lambda: piece_bytes, None))) == {NAME: TARBALL}


@pytest.mark.parametrize(
    "data",
    [
        "QUJ",
        "QUJD=",
        "QU==QUJD",
        "QUI",
        "Q",
        "=",
        "====",
        "QUJD ",
        " QUJD",
        "QU JD",
        "QU\nJD",
        "QUJ-",
        "QUJ_",
        "QUJ\u00e9",
        "QUJ\\",
        'QUJ"',
        "Q\\/JD",
        "data:QUJD",
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 3, 10**6])
def test_what_is_not_strict_base64_is_refused(data: str, piece_bytes: int) -> None:
    with pytest.raises(InvalidInput, match="not valid base64"):
        read(document(data=data), iter(lambda: piece_bytes, None))


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"_attachments"', "not a JSON object"),
        (b"{", "not valid JSON"),
        (document()[:-1], "not valid JSON"),
        (document()[:-3], "cut off"),
        (document()[:3000], "cut off"),
        (document()[:60], "cut off"),
        (document() + b"x", "not valid JSON"),
        (b'\xef\xbb\xbf{"a":1}', "not valid JSON"),
        (b'{"a":"\xff"}', "not valid JSON"),
        (b'{"a":1,"a":2}', "same member twice"),
        (b'{"__proto__":1}', "__proto__"),
        (b'{"_attachments":{},"_attachments":{}}', "twice"),
        (b'{"_attachments":{"a.tgz":{"data":"QUJD"},"a.tgz":{"data":"QUJD"}}}', "exactly one"),
        (b'{"_attachments":{"a.tgz":{"data":"QUJD","data":"QUJD"}}}', "exactly one"),
        (b'{"_attachments":{"a.tgz":{"data":"QUJD"},"b.tgz":{"data":"QUJD"}}}', "exactly one"),
        (b'{"_attachments":{"a.tgz":{"data":"QUJD","data":1}}}', "same member twice"),
        (b'{"_attachments":{"a.tgz":{"x":{}}}}', "object or array in it"),
        (b'{"_attachments":{"a.tgz":{"x":[]}}}', "object or array in it"),
        (b'{"_attachments":{"a.tgz":[]}}', "not valid JSON inside"),
        (b'{"_attachments":{a:1}}', "not valid JSON"),
        (b'{"_attachments":{"a.tgz":{"data" "QUJD"}}}', "not valid JSON inside"),
        (b'{"_attachments":{"a.tgz":{"data":"QUJD"}]}', "not valid JSON inside"),
        (b'{"_attachments":{"a.tgz":{"x":tru}}}', "not valid JSON"),
        (b'{"_attachments":{"a.tgz":{"d\\u0061ta":1}}}', "base64 in 'data'"),
        (b'{"\\u005fattachments":{"a.tgz":{"data":"QUJD"}}}', "base64 in 'data'"),
        (b'{"_attachments":{"' + b"a" * 5000 + b'":{}}}', "very long name"),
        (b'{"_attachments":{"\\ud800":{}}}', "not valid JSON"),
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 10, 10**6])
def test_a_document_that_is_not_one_is_refused(
    raw: bytes, complaint: str, piece_bytes: int
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        read(raw, iter(lambda: piece_bytes, None))


def test_an_escaped_spelling_of_data_is_the_same_member() -> None:
    raw = b'{"_attachments":{"a.tgz":{"d\\u0061ta":"QUJD"}}}'
    assert content_of(read(raw)) == {"a.tgz": b"ABC"}


def test_the_document_has_a_limit_that_the_tarball_does_not_count_towards() -> None:
    raw = document()
    assert content_of(read(raw, limit_document_bytes=200)) == {NAME: TARBALL}
    with pytest.raises(TooLarge, match="limit of 100 bytes"):
        read(raw, limit_document_bytes=100)
    with pytest.raises(TooLarge, match="limit of 200 bytes"):
        read(b'{"readme":"' + b"x" * 1000 + b'"}', limit_document_bytes=200)


def test_the_tarball_has_the_limit_of_its_stage() -> None:
    with pytest.raises(TooLarge, match="The tarball"):
        read(document(), stage=lambda: MemoryStage(limit_bytes=4999))


def test_what_was_staged_is_discarded_when_the_rest_is_wrong() -> None:
    staged: list[MemoryStaged] = []

    class Stage(MemoryStage):
        def finish(self) -> MemoryStaged:
            staged.append(super().finish())
            return staged[-1]

    with pytest.raises(InvalidInput):
        read(document()[:-1], stage=Stage)
    assert [one.is_discarded for one in staged] == [True]
    with read(document(), stage=Stage):
        assert not staged[1].is_discarded
    assert staged[1].is_discarded


@given(st.data())
def test_a_body_means_the_same_however_it_is_cut(data: st.DataObject) -> None:
    whole = data.draw(bodies)
    sizes = data.draw(st.lists(st.integers(1, 40)))
    assert _outcome(whole, [*sizes, 10**6]) == _outcome(whole, [])


@given(st.binary(max_size=300), st.lists(st.integers(1, 5)))
@example(b'{"_attachments":{"a":{"data":"\\', [])
@example(b'{"_attachments"', [])
@example(b'{"_attachments":{"a":{"b":1', [])
def test_any_bytes_are_either_a_document_or_refused(raw: bytes, sizes: list[int]) -> None:
    for body in (raw, b'{"_attachments":{"a.tgz":{"data":"' + raw):
        with suppress(InvalidInput, TooLarge):
            assert isinstance(read(body, [*sizes, 10**6]).document, dict)


@given(st.binary(max_size=200), st.lists(st.integers(1, 9)))
def test_base64_is_decoded_in_pieces_of_any_size(content: bytes, sizes: list[int]) -> None:
    encoded, decoder, decoded, at = base64.b64encode(content), Base64Decoder(), b"", 0
    for size in [*sizes, 1000]:
        piece = encoded[at : at + size]
        at += len(piece)
        if piece:
            decoded += decoder.decode(piece)
    decoder.finish()
    assert decoded == content


def test_a_large_tarball_passes_in_constant_memory() -> None:
    mebibytes = 40
    block = base64.b64encode(random.Random(2).randbytes(3 * 2**18))  # noqa: S311  any bytes will do

    class Stream:
        def __init__(self) -> None:
            self.left = [b'{"_attachments":{"a.tgz":{"data":"', *[block] * mebibytes, b'"}}}']

        def read(self, size: int, /) -> bytes:
            assert size >= len(block)
            return self.left.pop(0) if self.left else b""

    class Stage(MemoryStage):
        digest = hashlib.sha256()

        def write(self, piece: bytes | memoryview) -> None:
            self.digest.update(piece)

    tracemalloc.start()
    read_publish(Stream(), limit_document_bytes=LIMIT, stage=Stage)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    expected = hashlib.sha256(base64.b64decode(block) * mebibytes)
    assert Stage.digest.digest() == expected.digest()
    assert peak_bytes < 8 * 2**20


names = st.sampled_from(["a.tgz", "b.tgz", "a.sigstore", "_attachments", 'q"\\'])
values = st.sampled_from(["QUJD", "QUI=", "QUI", "", "_attachments", 1, None, True, {}, [], '"}]'])
attachments = st.dictionaries(
    names, st.dictionaries(st.sampled_from(["data", "length", "x"]), values), max_size=3
)
bodies = st.builds(
    lambda members, indent: json.dumps(dict(members), indent=indent).encode(),
    st.lists(
        st.tuples(st.just("_attachments"), attachments) | st.tuples(names, values | attachments),
        max_size=4,
    ),
    st.sampled_from([None, 1]),
)


def _outcome(raw: bytes, sizes: list[int]) -> object:
    try:
        body = read(raw, sizes)
    except InvalidInput:
        return InvalidInput
    return body.document, content_of(body)
