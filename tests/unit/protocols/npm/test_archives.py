from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.archives.tarballs import ArchiveLimits
from app.errors import InvalidInput
from app.protocols.npm.archives import TarballFacts, inspect_tarball, path_below_top
from tests.npm_wire import tarball
from tests.unit.protocols.npm.artifacts import PACKAGE_JSON, entry, packed_entries


def facts_of(packed: bytes) -> TarballFacts:
    return inspect_tarball(io.BytesIO(packed))


def facts_with(**files: bytes) -> TarballFacts:
    """Inspect a tarball with files; ``_`` in a name stands for a dot."""
    named = {name.replace("__", "-").replace("_", "."): content for name, content in files.items()}
    return facts_of(tarball(PACKAGE_JSON, named))


def refusal_of(packed: bytes) -> str:
    with pytest.raises(InvalidInput) as refused:
        facts_of(packed)
    return refused.value.message


def test_a_tarball_says_what_is_in_it() -> None:
    facts = facts_with(README_md=b"# hi\n", index_js=b"x" * 100)
    size = len(json.dumps(PACKAGE_JSON))
    assert facts == TarballFacts(
        package_json=PACKAGE_JSON,
        readme="# hi\n",
        readme_filename="README.md",
        file_count=3,
        unpacked_size=size + 5 + 100,
        has_shrinkwrap=False,
        has_binding_gyp=False,
    )


@pytest.mark.parametrize("root", ["package", "left-pad-1.3.0", "node", ".", "p\u00e4ck"])
def test_the_first_part_of_a_path_may_be_anything(root: str) -> None:
    assert facts_of(tarball(PACKAGE_JSON, root=root)).package_json == PACKAGE_JSON


def test_only_files_in_the_root_are_marks() -> None:
    marked = facts_of(
        tarball(PACKAGE_JSON, {"npm-shrinkwrap.json": b"{}", "binding.gyp": b"", "./x": b""})
    )
    assert (marked.has_shrinkwrap, marked.has_binding_gyp) == (True, True)
    nested = facts_of(
        tarball(
            PACKAGE_JSON,
            {"a/npm-shrinkwrap.json": b"{}", "a/binding.gyp": b"", "a/README.md": b"no"},
        )
    )
    assert (nested.has_shrinkwrap, nested.has_binding_gyp, nested.readme) == (False, False, "")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["README"], "README"),
        (["readme.txt", "README.md"], "README.md"),
        (["README.markdown", "README.md"], "README.markdown"),
        (["Readme.rst", "README"], "Readme.rst"),
        (["readme.md", "README"], "readme.md"),
        (["READMEs.md", "MY-README.md"], ""),
    ],
)
def test_markdown_is_preferred_for_the_readme(names: list[str], chosen: str) -> None:
    facts = facts_of(tarball(PACKAGE_JSON, {name: name.encode() for name in names}))
    assert facts.readme_filename == facts.readme == chosen


def test_a_long_readme_is_cut_between_two_characters() -> None:
    facts = facts_with(README_md="\u00e9".encode() * 40_000)
    assert facts.readme == "\u00e9" * 32_768
    odd = facts_with(README_md=b"x" + "\u00e9".encode() * 40_000)
    assert odd.readme == "x" + "\u00e9" * 32_767


def test_a_readme_in_another_encoding_is_shown_as_well_as_it_can_be() -> None:
    assert facts_with(README_md=b"caf\xe9").readme == "caf\ufffd"


def test_a_byte_order_mark_before_package_json_is_tolerated() -> None:
    raw = b"\xef\xbb\xbf" + json.dumps(PACKAGE_JSON).encode()
    assert facts_of(tarball(raw)).package_json == PACKAGE_JSON


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "package.json is not valid JSON"),
        (b"[]", "package.json is not a JSON object"),
        (b'{"name":"x","name":"y"}', "same member twice"),
        (b'{"__proto__":{}}', "__proto__"),
        (b"[" * 100_000, "package.json is not valid JSON"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "nested more than 254"),
        (b'{"name":"\xff"}', "package.json is not valid JSON"),
        (b" " * (2**20 + 1), "at most 1048576 bytes"),
    ],
)
def test_a_package_json_that_is_not_one_is_refused(raw: bytes, complaint: str) -> None:
    assert complaint in refusal_of(tarball(raw))


@pytest.mark.parametrize(
    ("packed", "complaint"),
    [
        (packed_entries(with_package_json=False), "has no package.json"),
        (packed_entries(entry("package/a"), with_package_json=False), "has no package.json"),
        (packed_entries(entry("p/q/package.json"), with_package_json=False), "has no package.json"),
        (packed_entries(entry("package/package.json", b"{}")), "two package.json"),
        (packed_entries(entry("other/package.json", b"{}")), "two package.json"),
        (packed_entries(entry("package/./package.json", b"{}")), "two package.json"),
        (packed_entries(entry("package//package.json", b"{}")), "two package.json"),
        (packed_entries(entry("package/Package.JSON", b"{}")), "two package.json"),
        (packed_entries(entry("package/package.j\u017fon", b"{}")), "two package.json"),
        (
            packed_entries(entry("package/PACKAGE.json", b"{}"), with_package_json=False),
            "spelt otherwise",
        ),
        (
            packed_entries(
                entry("package/package.json", type=tarfile.SYMTYPE, linkname="a"),
                with_package_json=False,
            ),
            "must be a file",
        ),
        (packed_entries(entry("package.json", b"{}"), with_package_json=False), "lies beside"),
        (packed_entries(entry("README.md")), "lies beside"),
    ],
)
def test_there_must_be_exactly_one_package_json(packed: bytes, complaint: str) -> None:
    assert complaint in refusal_of(packed)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "//x",
        "../x",
        "package/../../x",
        "package/..",
        "package/a/../b",
        "package\\..\\x",
        "package/a\\b",
        "C:/x",
        "package/C:/x",
        "package/c:x",
    ],
)
def test_a_path_that_could_lead_out_of_the_package_is_refused(path: str) -> None:
    for kind in (tarfile.REGTYPE, tarfile.DIRTYPE):
        assert "absolute, or has '..' or a backslash" in refusal_of(
            packed_entries(entry(path, type=kind))
        )


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../x", "a/../../x", "..", "C:\\x", "a\\b", "c:x"]
)
def test_a_symbolic_link_that_could_lead_out_is_refused(target: str) -> None:
    packed = packed_entries(entry("package/l", type=tarfile.SYMTYPE, linkname=target))
    assert "is a link that could lead out" in refusal_of(packed)


@pytest.mark.parametrize("target", ["/etc/passwd", "package/../../x", "..", "package\\x"])
def test_a_hard_link_that_could_lead_out_is_refused(target: str) -> None:
    packed = packed_entries(entry("package/l", type=tarfile.LNKTYPE, linkname=target))
    assert "absolute, or has '..' or a backslash" in refusal_of(packed)


def test_links_that_stay_inside_pass() -> None:
    facts = facts_of(
        packed_entries(
            entry("package/bin/a", b"x"),
            entry("package/bin/b", type=tarfile.SYMTYPE, linkname="a"),
            entry("package/c", type=tarfile.LNKTYPE, linkname="package/bin/a"),
        )
    )
    assert facts.file_count == 2


def test_limits_are_those_that_are_given() -> None:
    packed = packed_entries(entry("package/a"), entry("package/b"))
    with pytest.raises(InvalidInput, match="more than 2 entries"):
        inspect_tarball(io.BytesIO(packed), limits=ArchiveLimits(max_entries=2))


@given(st.text(max_size=30) | st.from_regex(r"[./\\a:C]{0,12}", fullmatch=True))
def test_a_path_that_passes_stays_below_the_root(path: str) -> None:
    try:
        inside = path_below_top(path)
    except InvalidInput:
        return
    parts = inside.split("/") if inside else []
    assert not {"", ".", ".."} & set(parts)
    assert not inside.startswith("/")


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.binary(max_size=200) | st.builds(lambda value: json.dumps(value).encode(), json_values))
def test_any_package_json_is_either_read_or_refused(raw: bytes) -> None:
    try:
        facts = facts_of(tarball(raw))
    except InvalidInput:
        return
    assert isinstance(facts.package_json, dict)
