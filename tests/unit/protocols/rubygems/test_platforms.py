from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.protocols.rubygems import platforms
from tests.clients.rubygems.installed import releases
from tests.ruby import Ruby

if TYPE_CHECKING:
    from collections.abc import Iterator

# As they are in the names of real gems.
USUAL = [
    "ruby",
    "java",
    "x86_64-linux",
    "x86_64-linux-gnu",
    "x86_64-linux-musl",
    "aarch64-linux",
    "aarch64-linux-musl",
    "arm-linux-gnu",
    "x86-linux",
    "arm64-darwin",
    "arm64-darwin-23",
    "x86_64-darwin",
    "universal-darwin",
    "x64-mingw32",
    "x64-mingw-ucrt",
    "x86-mingw32",
    "x86-mswin32-60",
    "x64-mswin64-140",
    "x86_64-freebsd",
    "x86_64-freebsd-14",
]

SCRIPT = """
def answer(raw)
  spec = Gem::Specification.new
  spec.platform = raw.force_encoding('UTF-8')
  platform = spec.platform
  [platform.to_s, platform.is_a?(String) ? nil : platform.to_a]
end
"""

words = st.from_regex(
    r"x86|i686|x86_64|x64|java|jruby|linux|gnu|musl|darwin|20|14\.1|mingw|mingw32|ucrt|mswin32"
    r"|mswin64|openbsd7\.1|solaris|a_platform1|dalvik1|dotnet4\.0|macruby|wasi|aix7|freebsd14"
    r"|netbsdelf|cygwin|zz",
    fullmatch=True,
)
spelt = st.builds(
    lambda first, rest: first + "".join(rest),
    words,
    st.lists(st.builds("{}{}".format, st.sampled_from(["-", "_", ""]), words), max_size=3),
)


@pytest.fixture(scope="module")
def ruby() -> Iterator[Ruby]:
    with Ruby(SCRIPT, releases()[-1].command("gem")[:-1]) as ruby:
        yield ruby


@pytest.mark.parametrize("text", USUAL)
def test_usual_platforms_are_in_normal_form(text: str) -> None:
    assert platforms.is_platform(text)
    assert platforms.normalised(text) == text


@pytest.mark.parametrize(
    "text", ["", "-", "a/b", "../x", "a\n", "x86 linux", "a,b", "a|b", "a:b", "ü", "a" * 300]
)
def test_what_could_be_a_path_or_a_field_is_no_platform(text: str) -> None:
    assert not platforms.is_platform(text)


@given(spelt | st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", fullmatch=True))
@example("i686-linux")
@example("x86_64-darwin20")
@example("mswin32")
@example("jruby")
@example("i586-linux")
@example("powerpc-darwin")
@settings(deadline=None)  # another process is asked
def test_platforms_are_taken_apart_as_by_the_newest_rubygems(ruby: Ruby, text: str) -> None:
    if text == "current":  # the client's own
        return
    normal, parts = ruby.ask(text.encode())
    assert platforms.normalised(text) == normal
    assert parts is None or list(platforms.parse(text)) == parts
