from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import InvalidInput, NotFound
from app.protocols.npm import names
from tests.unit.protocols.npm.artifacts import ask_node

NEVER_A_NAME = [
    "",
    ".",
    "..",
    "-",
    "../../etc/passwd",
    "..\\..",
    "@a/../b",
    "@a/..",
    "@../b",
    "a/b",
    "a/b/c",
    "@a/b/c",
    "@a",
    "@a/",
    "@/b",
    "a\x00b",
    "a\nb",
    "a\n",
    " a",
    "a b",
    "a\\b",
    "a%2fb",
    ".hidden",
    "@acme/.hidden",
    "l\u043edash",
    "zero\u200bwidth",
    "node_modules",
    "Node_Modules",
    "favicon.ico",
    "x" * 513,
]

ONLY_EVER_READ = [
    "JSONStream",
    "_legacy",
    "-dash",
    "a!~*'()b",
    "@Acme/thing",
    "@acme/_x",
    "x" * 215,
]


def test_a_scoped_name_is_split_into_its_parts() -> None:
    name = names.parse_name("@acme/thing")
    assert (name.full, name.scope, name.base) == ("@acme/thing", "acme", "thing")
    assert name.tarball("1.4.0") == "thing-1.4.0.tgz"
    assert name.attachment("1.4.0") == "@acme/thing-1.4.0.tgz"


def test_an_unscoped_name_has_no_scope() -> None:
    name = names.parse_new_name("left-pad")
    assert (name.full, name.scope, name.base) == ("left-pad", None, "left-pad")


@pytest.mark.parametrize("raw", NEVER_A_NAME)
def test_what_no_package_can_be_called_is_not_found_and_cannot_be_published(raw: str) -> None:
    with pytest.raises(NotFound):
        names.parse_name(raw)
    with pytest.raises(InvalidInput):
        names.parse_new_name(raw)


@pytest.mark.parametrize("raw", ONLY_EVER_READ)
def test_a_name_that_npm_once_allowed_can_only_be_read(raw: str) -> None:
    assert names.parse_name(raw).full == raw
    with pytest.raises(InvalidInput):
        names.parse_new_name(raw)


def test_a_module_of_node_itself_cannot_be_published() -> None:
    with pytest.raises(InvalidInput, match=r"'http' is a module of Node\.js itself"):
        names.parse_new_name("http")
    assert names.parse_new_name("@acme/http").base == "http"


def test_the_longest_new_name_has_214_characters() -> None:
    assert names.parse_new_name("x" * 214).full == "x" * 214
    with pytest.raises(InvalidInput, match="has 215 characters"):
        names.parse_new_name("x" * 215)


def test_the_core_modules_are_those_of_the_node_that_we_test_with() -> None:
    modules = ask_node(
        "console.log(JSON.stringify(require('module').builtinModules))", question=None
    )
    loadable = {one for one in modules if "/" not in one and ":" not in one}
    assert loadable == names.CORE_MODULES


def test_new_names_are_those_that_npm_itself_lets_pass() -> None:
    corpus = [*NEVER_A_NAME, *ONLY_EVER_READ, "left-pad", "@acme/thing", "a.b_c", "0", "http", "x2"]
    npm_says = ask_node(
        """
        const validate = require('validate-npm-package-name')
        const corpus = JSON.parse(require('fs').readFileSync(0))
        console.log(JSON.stringify(corpus.map(name => validate(name).validForNewPackages)))
        """,
        corpus,
    )
    # We refuse more: names that npm's own registry does not take either.
    stricter = {"@../b", "@acme/_x"}
    for raw, allowed in zip(corpus, npm_says, strict=True):
        assert _is_new_name(raw) == (allowed and raw not in stricter), raw


@given(st.text(max_size=40))
@example("@acme/thing\n")
def test_any_text_is_either_a_name_or_refused(raw: str) -> None:
    try:
        name = names.parse_name(raw)
    except NotFound:
        assert not _is_new_name(raw)
        return
    assert name.full == (f"@{name.scope}/{name.base}" if name.scope else name.base) == raw
    assert ".." not in (name.scope, name.base)
    assert "/" not in name.base


def _is_new_name(raw: str) -> bool:
    try:
        names.parse_new_name(raw)
    except InvalidInput:
        return False
    return True
