from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.protocols.npm import package_json


def normalised(field: str, value: object) -> object:
    """Normalise one field; none where it is left out."""
    return package_json.normalise({field: value}, "thing").get(field)


@pytest.mark.parametrize(
    ("field", "written", "published"),
    [
        ("bin", "./cli.js", {"thing": "cli.js"}),
        ("bin", {"@acme/thing": "x.js", "y": "/lib//y.js"}, {"thing": "x.js", "y": "lib/y.js"}),
        ("bin", ["bin/a.js", "./b"], {"a.js": "bin/a.js", "b": "b"}),
        ("bin", {"a": "../../etc/passwd", "b": "..\\b"}, {"a": "etc/passwd", "b": "b"}),
        ("bin", {"a": 1, "": "x", "..": "x", "c": ""}, None),
        ("bin", {}, None),
        ("bin", None, None),
        ("bin", 1, None),
        ("author", "Alice", {"name": "Alice"}),
        (
            "author",
            "Alice A. <alice@acme.test> (https://acme.test)",
            {"name": "Alice A.", "email": "alice@acme.test", "url": "https://acme.test"},
        ),
        (
            "author",
            {"name": "A", "mail": "a@b.test", "web": "u"},
            {"name": "A", "email": "a@b.test", "url": "u"},
        ),
        ("author", ["Alice"], None),
        (
            "contributors",
            ["A <a@b.test>", {"name": "B"}, 1, ""],
            [{"name": "A", "email": "a@b.test"}, {"name": "B"}],
        ),
        ("contributors", "A", None),
        (
            "repository",
            "acme/thing",
            {"type": "git", "url": "git+https://github.com/acme/thing.git"},
        ),
        (
            "repository",
            {"type": "git", "url": "gitlab:acme/thing.git", "directory": "a"},
            {"type": "git", "url": "git+https://gitlab.com/acme/thing.git", "directory": "a"},
        ),
        (
            "repository",
            "https://git.acme.test/x.git",
            {"type": "git", "url": "https://git.acme.test/x.git"},
        ),
        ("repository", {"type": "git"}, None),
        ("repository", [], None),
        ("bugs", "https://acme.test/bugs", {"url": "https://acme.test/bugs"}),
        ("bugs", "bugs@acme.test", {"email": "bugs@acme.test"}),
        ("bugs", {"url": "u", "email": 1, "x": "y"}, {"url": "u"}),
        ("bugs", {}, None),
        ("keywords", "a, b,c", ["a", "b", "c"]),
        ("keywords", ["a", 1, ""], ["a"]),
        ("keywords", {"a": 1}, None),
        ("scripts", {"test": "t", "x": 1}, {"test": "t"}),
        ("scripts", "make", None),
        ("man", "./thing.1", ["thing.1"]),
        ("man", [1], None),
        ("os", "linux", ["linux"]),
        ("cpu", ["x64", "!arm"], ["x64", "!arm"]),
        ("libc", 1, None),
        ("engines", {"node": ">=18"}, {"node": ">=18"}),
        ("engines", ["node >= 0.6"], None),
        ("directories", {"bin": "./bin"}, {"bin": "./bin"}),
        ("description", ["a"], None),
        ("dependencies", {"a": "1", "b": None}, {"a": "1"}),
        ("dependencies", [], None),
        ("dependencies", "", None),
        ("devDependencies", {}, {}),
        ("peerDependenciesMeta", {"a": {"optional": True}}, {"a": {"optional": True}}),
        ("bundleDependencies", ["a", 1], ["a"]),
        ("bundleDependencies", {"a": "1"}, ["a"]),
        ("bundleDependencies", False, []),
        ("bundleDependencies", None, None),
        ("funding", "https://acme.test/fund", "https://acme.test/fund"),
        ("exports", {".": "./index.js"}, {".": "./index.js"}),
        ("custom", [1, {"a": None}], [1, {"a": None}]),
    ],
)
def test_a_field_is_published_in_npms_own_form(
    field: str, written: object, published: object
) -> None:
    assert normalised(field, written) == published


def test_bundled_dependencies_have_one_spelling() -> None:
    fields = package_json.normalise(
        {"dependencies": {"a": "1"}, "bundledDependencies": True}, "thing"
    )
    assert fields == {"dependencies": {"a": "1"}, "bundleDependencies": ["a"]}


@pytest.mark.parametrize("field", package_json.DEPENDENCY_FIELDS)
@pytest.mark.parametrize("value", ["left-pad", ["left-pad"], 1, True])
def test_dependencies_that_nobody_could_install_are_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"'{field}' must be an object"):
        normalised(field, value)


def test_a_binding_gyp_is_built_where_nothing_else_is_said() -> None:
    fields: dict[str, Any] = {"scripts": {"test": "t"}}
    package_json.add_build_script(fields)
    assert fields == {"scripts": {"test": "t", "install": "node-gyp rebuild"}, "gypfile": True}


@pytest.mark.parametrize(
    "fields", [{"scripts": {"install": "x"}}, {"scripts": {"preinstall": "x"}}, {"gypfile": False}]
)
def test_a_binding_gyp_is_left_alone_where_something_is_said(fields: dict[str, Any]) -> None:
    before = dict(fields)
    package_json.add_build_script(fields)
    assert fields == before


@pytest.mark.parametrize(
    ("script", "runs"),
    [("preinstall", True), ("install", True), ("postinstall", True), ("prepare", False)],
)
def test_some_scripts_run_at_installation(script: str, runs: bool) -> None:  # noqa: FBT001  a table
    assert package_json.has_install_script({"scripts": {script: "x"}}) == runs
    assert not package_json.has_install_script({})


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
known_fields = st.sampled_from(
    [
        *package_json.DEPENDENCY_FIELDS,
        *("bin", "bundleDependencies", "bundledDependencies", "author", "contributors"),
        *("repository", "bugs", "keywords", "scripts", "man", "os", "engines", "directories"),
    ]
)


@given(st.dictionaries(known_fields, json_values))
def test_normalising_twice_changes_nothing(fields: dict[str, Any]) -> None:
    try:
        once = package_json.normalise(fields, "thing")
    except InvalidInput:
        return
    assert package_json.normalise(once, "thing") == once
