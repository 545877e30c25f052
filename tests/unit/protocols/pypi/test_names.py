"""Names of projects, versions, and names of files."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from app.errors import InvalidInput
from app.protocols.pypi import filenames, project_names
from app.protocols.pypi.filenames import FileType, number_of, parse_filename, parse_version
from app.protocols.pypi.format import precedence

names = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)
versions = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "1!"]),
    st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda all_: ".".join(map(str, all_))),
    st.sampled_from(["", "a1", "rc2", "b0"]),
    st.sampled_from(["", ".post1", ".dev3", ".post1.dev2"]),
    st.sampled_from(["", "+cu121", "+ubuntu.1"]),
)


@given(names)
def test_a_normal_name_is_its_own(name: str) -> None:
    normal = project_names.normalize(name)
    assert normal == canonicalize_name(name)
    assert project_names.normalize(normal) == normal


@given(st.text(max_size=120))
@example("\u017fsl")
@example("\u212aelvin")
@example("name\n")
@example("r\u0435quests")
def test_what_is_no_name_is_refused(text: str) -> None:
    is_name = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", text, re.ASCII)
    if is_name:
        project_names.normalize(text)
    else:
        with pytest.raises(InvalidInput):
            project_names.normalize(text)


@given(versions)
def test_a_version_is_known_by_one_number(text: str) -> None:
    version = parse_version(text)
    number = number_of(version)
    assert Version(number) == version
    assert number_of(parse_version(number)) == number
    padded = text.replace(
        text, f"{version.base_version}.0{str(version)[len(version.base_version) :]}"
    )
    assert number_of(Version(padded)) == number


@given(versions, versions)
def test_versions_compare_as_they_are_preferred(one: str, other: str) -> None:
    first, second = parse_version(one), parse_version(other)
    if first.is_prerelease == second.is_prerelease:
        assert (precedence(number_of(first)) < precedence(number_of(second))) == (first < second)
    else:
        final = second if first.is_prerelease else first
        assert max(first, second, key=lambda one: precedence(number_of(one))) == final


@given(st.text(max_size=140))
@example("1.0 ")
@example("\u0661.0")
@example("9" * 1000)
@example("1.0\n")
def test_what_is_read_as_a_version_is_one(text: str) -> None:
    try:
        version = parse_version(text)
    except InvalidInput:
        return
    assert text.isascii()
    assert Version(str(version)) == version


@given(names, versions, st.sampled_from(["py3-none-any", "1-cp311-abi3-manylinux_2_17_x86_64"]))
def test_a_wheels_name_is_taken_apart(name: str, version: str, tag: str) -> None:
    escaped = re.sub(r"[-_.]+", "_", name)
    found = parse_filename(f"{escaped}-{version}-{tag}.whl")
    assert found.kind is FileType.BDIST_WHEEL
    assert found.project == project_names.normalize(name)
    assert found.version == Version(version)
    assert found.python_tag == tag.split("-")[-3]
    assert found.slot == f"{found.project}-{version}-{tag}.whl"


@given(names, versions, st.sampled_from([".tar.gz", ".zip"]))
def test_an_sdists_name_is_taken_apart(name: str, version: str, end: str) -> None:
    found = parse_filename(f"{re.sub('[-_.]+', '_', name)}-{version}{end}")
    assert (found.kind, found.slot) == (FileType.SDIST, "sdist")
    assert found.project == project_names.normalize(name)
    assert found.version == Version(version)


@given(st.text(max_size=300))
@example("../../x.whl")
@example("a\\b-1.0.tar.gz")
@example("%2e%2e-1.0.tar.gz")
@example("a-1.0.tar.gz\n")
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        found = parse_filename(text)
    except InvalidInput:
        return
    assert found.filename == text
    assert "/" not in text
    assert len(text) <= filenames.MAX_BYTES


def test_an_old_sdist_is_read_as_its_maker_meant_it() -> None:
    found = parse_filename("My.Pkg-1.0.tar.gz")
    assert (found.project, str(found.version)) == ("my-pkg", "1.0")
