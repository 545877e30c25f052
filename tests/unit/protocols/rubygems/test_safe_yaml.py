from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.protocols.rubygems import safe_yaml
from app.protocols.rubygems.safe_yaml import Mapping, PlainNumber

CLASSES = frozenset({"Gem::Version"})

REFUSED = {
    "an alias": b"a: &x 1\nb: *x",
    "an anchor alone": b"a: &x 1",
    "an alias bomb": b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
    "another class of Ruby": b"--- !ruby/object:Gem::Installer\na: b",
    "an object of Ruby's core": b"--- !ruby/object:Object {}",
    "a Ruby hash": b"--- !ruby/hash:Hash {}",
    "a regular expression": b"--- !ruby/regexp /a/",
    "an object of Python": b"--- !!python/object/apply:os.system [ls]",
    "an allowed class as a list": b"--- !ruby/object:Gem::Version [a]",
    "an allowed class as a text": b"--- !ruby/object:Gem::Version a",
    "a number by its tag": b"--- !!int 1",
    "a key twice": b"a: 1\na: 2",
    "a key twice, quoted once": b"a: 1\n'a': 2",
    "a merged mapping": b"<<: {a: 1}",
    "a key that is a list": b"? [a]\n: b",
    "a key that is nothing": b"~: b",
    "two documents": b"--- a\n--- b\n",
    "something after the end": b"--- a\n...\nb\n",
    "a directive": b"%YAML 1.1\n--- a",
    "a tag of its own": b"%TAG !r! !ruby/object:\n--- !r!Gem::Version {}",
    "nothing": b"",
    "a comment alone": b"# a",
    "another encoding": "a".encode("utf-16"),
    "no UTF-8": b"\xff",
    "binary that is none": b"!binary a-b",
    "binary that is no text": b"!binary /w==",
    "no end": b"[a, b",
    "deep lists": b"- " * 22 + b"a",
    "very deep lists": b"[" * 1_000_000,
    "very deep keys": b"? " * 100_000,
    "very many values": b"- a\n" * 300_000,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_what_no_gem_needs_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"^It "):
        safe_yaml.load(raw, "It", classes=CLASSES)


def test_every_scalar_is_a_text_or_nothing() -> None:
    raw = b"- 1.0\n- 'null'\n- null\n- ~\n-\n- yes\n- 2026-01-31\n- :runtime\n- ! '1'\n- ! null\n"
    texts = ["1.0", "null", None, None, None, "yes", "2026-01-31", ":runtime", "1", None]
    assert safe_yaml.load(raw, "It") == texts


@pytest.mark.parametrize("text", ["1", "010", "1.0", "1.", "! 1.0"])
def test_what_ruby_makes_a_number_of_says_so(text: str) -> None:
    assert isinstance(safe_yaml.load(text.encode(), "It"), PlainNumber)


@pytest.mark.parametrize("text", ["'1'", '"1.0"', "!str 1.0", "!!str 1", "1.0.0", "1.a", "|\n 1"])
def test_what_is_a_text_to_ruby_is_no_number(text: str) -> None:
    assert not isinstance(safe_yaml.load(text.encode(), "It"), PlainNumber)


def test_binary_is_a_text_in_utf_8() -> None:
    assert safe_yaml.load(b"!binary |-\n  w6k=\n", "It") == "é"


def test_an_object_says_its_class() -> None:
    node = safe_yaml.load(b"--- !ruby/object:Gem::Version\nversion: 1.0", "It", classes=CLASSES)
    assert node == Mapping("Gem::Version", {"version": "1.0"})
    with pytest.raises(InvalidInput, match="Gem::Version"):
        safe_yaml.load(b"--- !ruby/object:Gem::Version\nversion: 1.0", "It")


def test_twenty_levels_are_not_too_deep() -> None:
    node = safe_yaml.load(b"- " * 20 + b"a", "It")
    for _ in range(20):
        assert isinstance(node, list)
        (node,) = node
    assert node == "a"


# Neither what may not be a key, nor what YAML cannot hold.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10).filter("<<".__ne__)
values = st.recursive(
    texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)


@given(values)
@example(["null", "1.0", "~", ""])
def test_what_another_writer_wrote_is_read_as_it_was(value: object) -> None:
    raw = yaml.dump(value, allow_unicode=True, Dumper=_NoAliases).encode()
    assert _plain(safe_yaml.load(raw, "It")) == value


@given(st.binary(max_size=40) | st.text("-?:[]{}!&*|>'\"%@`#,a \n~<", max_size=30).map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        safe_yaml.load(raw, "It")
    except InvalidInput as error:
        found = error.message
    else:
        return
    assert found.startswith("It ")


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _plain(node: safe_yaml.Node) -> object:
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.values.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else node
