from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.protocols.rubygems import names


@pytest.mark.parametrize("name", ["hola", "rack-test", "net_http", "a.b", "3scale", "Ascii85", "x"])
def test_names_of_gems_pass(name: str) -> None:
    names.require_gem_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../etc",
        "a b",
        "a/b",
        "a,b",
        "a:b",
        "a|b",
        "a\n",
        "\na",
        "-a",
        "a-",
        "_a",
        "a.",
        "123",
        "a.gem",
        "gémme",
        "a\u0663",
        "a" * 300,
    ],
)
def test_what_could_be_a_path_a_field_or_a_file_is_no_name(name: str) -> None:
    with pytest.raises(InvalidInput):
        names.require_gem_name(name)


@given(st.text(max_size=20))
def test_a_name_never_breaks_a_line_of_an_index(text: str) -> None:
    if names.is_gem_name(text):
        assert text.isascii()
        assert not set(text) & set(" ,:&|/\\\n\r\t")
