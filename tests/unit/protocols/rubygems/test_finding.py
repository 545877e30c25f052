"""What gem a file belongs to, by its name."""

from __future__ import annotations

import pytest

from app.errors import Conflict
from app.protocols.rubygems.finding import name_of, require_own_filename


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("hola-1.0.0.gem", "hola"),
        ("hola-1.0.0-java.gem", "hola"),
        ("hola-1.0.0-x86_64-linux-musl.gem", "hola"),
        ("a-1-2.gem", "a-1"),  # 2 is no platform
        ("a-2-json-1.0.gem", "a-2-json"),
        ("a-1-x86-darwin-20.gem", "a"),
        ("a-1-x86-darwin-20.0.gem", "a-1-x86-darwin"),
        ("a-1-ruby.gem", None),
        ("1-2.gem", None),
        ("hola.gem", None),
        ("hola-1.0.0", None),
        ("a" + "-1" * 190 + ".gem", None),  # as long a name is none, and 1-1 no platform
    ],
)
def test_a_file_is_of_one_gem_at_most(filename: str, name: str | None) -> None:
    assert name_of(filename) == name


def test_a_file_that_would_be_taken_for_anothers_is_refused() -> None:
    require_own_filename("a", "a-1-x86-darwin-20.gem")
    with pytest.raises(Conflict, match="of the gem a for a platform"):
        require_own_filename("a-1-x86-darwin", "a-1-x86-darwin-20.gem")
