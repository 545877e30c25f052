"""Core metadata: what is read of them, and what is refused."""

from __future__ import annotations

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from app.errors import InvalidInput
from app.protocols.pypi.core_metadata import MAX_BYTES, CoreMetadata
from tests.distributions import metadata_of


def parse(raw: bytes) -> CoreMetadata:
    return CoreMetadata.parse(raw, file="METADATA")


def outcome(raw: bytes) -> CoreMetadata | InvalidInput:
    try:
        return parse(raw)
    except InvalidInput as error:
        return error


def test_a_long_requires_python_is_refused() -> None:
    """Five files with 3 MiB of it are more than a release's row can hold."""
    for count, is_fine in ((100, True), (500_000, False)):
        line = "Requires-Python: >=3.8" + ",>=3.8" * count
        found = outcome(metadata_of("thing", "1.0", line))
        assert isinstance(found, CoreMetadata) is is_fine


def test_requirements_that_take_seconds_to_parse_are_refused() -> None:
    """Whoever asks for a version's dependencies has them parsed again."""
    for count, is_fine in ((1000, True), (200_000, False)):
        marker = " and ".join(["os_name == 'a'"] * count)
        found = outcome(metadata_of("thing", "1.0", f"Requires-Dist: other; {marker}"))
        assert isinstance(found, CoreMetadata) is is_fine


@pytest.mark.parametrize(
    "lines",
    [
        [f"H{number}: x" for number in range(20_000)],
        ["Classifier: x"] * 20_000,
        ['Content-Type: multipart/mixed; a="' + "; a=b" * 50_000],
        [f"Content-Type: multipart/mixed; boundary=x{one}\n\n--x{one}" for one in range(1000)],
        ["Content-Transfer-Encoding: base64"],
    ],
)
def test_what_the_parser_would_not_come_to_an_end_with_is_refused(lines: list[str]) -> None:
    assert isinstance(outcome(metadata_of("thing", "1.0", *lines)), InvalidInput)


def test_two_requires_python_are_refused() -> None:
    lines = ("Requires-Python: >=3.8", "Requires-Python: >=99")
    assert isinstance(outcome(metadata_of("thing", "1.0", *lines)), InvalidInput)


def test_what_distutils_did_not_know_is_left_out() -> None:
    lines = [f"{name}: UNKNOWN" for name in ("Summary", "Home-page", "Author", "Platform")]
    found = parse(metadata_of("thing", "1.0", *lines))
    assert found.fields == {}
    assert found.summary == ""


def test_many_fields_that_are_fine() -> None:
    lines = [f"Requires-Dist: thing-{number}; extra == 'x'" for number in range(3000)]
    found = parse(metadata_of("thing", "1.0", *lines, description="\n".join(["a:b"] * 20_000)))
    assert len(found.fields["requires_dist"]) == 3000


@given(st.binary(max_size=400))
def test_any_bytes_are_metadata_or_refused(raw: bytes) -> None:
    found = outcome(raw)
    if isinstance(found, CoreMetadata):
        assert found.raw == raw
        orjson.loads(found.to_json())
    else:
        assert found.message.startswith("Invalid distribution file.")


@given(
    st.lists(
        st.sampled_from(
            [
                b"Metadata-Version: 2.1",
                b"Metadata-Version: 9",
                b"Name: a",
                b"Version: 1",
                b"Requires-Python: >=3",
                b"Requires-Dist: a; extra == 'x'",
                b"Requires-Dist: \xff",
                b"Keywords: a,b",
                b"Project-URL: Home, https://a.test/",
                b"Project-URL: broken",
                b"Dynamic: version",
                b" folded",
                b"",
                b"no header",
            ]
        ),
        max_size=12,
    )
)
def test_any_headers_are_metadata_or_refused(lines: list[bytes]) -> None:
    found = outcome(b"\n".join(lines))
    if isinstance(found, InvalidInput):
        assert found.message.startswith("Invalid distribution file.")
    else:
        with suppress(InvalidInput):
            found.require_same("a", Version("1"))


def test_what_is_told_is_what_is_there() -> None:
    found = parse(
        metadata_of(
            "My.Pkg",
            "1.0",
            "Summary: Does it",
            "Keywords: one,two words",
            "Requires-Python: >=3.8",
            "Requires-Dist: other>=1",
            "Classifier: A :: B",
            "Platform: any",
            "Project-URL: Home, https://home.test/",
            description="Text\nmore",
        )
    )
    assert (found.name, found.version, found.summary) == ("My.Pkg", "1.0", "Does it")
    assert found.keywords == ["one", "two words"]
    assert found.requires_python == ">=3.8"
    assert found.description == "Text\nmore"
    assert found.fields["project_urls"] == {"Home": "https://home.test/"}
    assert found.fields["platform"] == "any"
    assert "description" not in found.fields
    found.require_same("my-pkg", Version("1.0.0"))


def test_metadata_hold_for_every_build_where_nothing_is_dynamic() -> None:
    assert parse(metadata_of("a", "1")).holds_for_every_build
    assert not parse(metadata_of("a", "1", "Dynamic: Requires-Dist")).holds_for_every_build
    old = metadata_of("a", "1").replace(b"2.4", b"2.1")
    assert not parse(old).holds_for_every_build


@pytest.mark.parametrize("version", [b"1.0", b"1.2", b"2.5", b"2.99"])
def test_a_later_minor_version_is_read(version: bytes) -> None:
    assert parse(metadata_of("a", "1").replace(b"2.4", version)).name == "a"


@pytest.mark.parametrize("version", [b"", b"0.9", b"3.0", b"9.0", b"2", b"2.4.1", b"two"])
def test_another_major_version_is_refused(version: bytes) -> None:
    with pytest.raises(InvalidInput, match="Metadata-Version"):
        parse(metadata_of("a", "1").replace(b"2.4", version))


def test_metadata_have_a_limit() -> None:
    with pytest.raises(InvalidInput, match="larger than"):
        parse(metadata_of("a", "1", description="x" * MAX_BYTES))
