from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.protocols.rubygems.compact_index import info_line
from app.protocols.rubygems.gemspec import RUNTIME, GemDependency, GemSpecification
from app.protocols.rubygems.gemspec_rules import require_publishable
from tests.unit.protocols.rubygems.gem_files import specification, specifications
from tests.unit.protocols.rubygems.test_compact_index import MOMENT, SHA256


def needing(name: str, *requirements: str, count: int = 1) -> dict[str, Any]:
    one = GemDependency(name=name, requirements=requirements or (">= 0",), kind=RUNTIME)
    return {"dependencies": (one,) * count}


def on(platform: str, original_platform: str | None = None) -> dict[str, Any]:
    return {"platform": platform, "original_platform": original_platform or platform}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../../etc"}, "name"),
    ({"name": "a b"}, "name"),
    ({"version": "1..0"}, "version"),
    ({"version": " 1.0"}, "version"),
    ({"version": "1.0\n2"}, "version"),
    ({"version": "1.0-beta"}, "version"),
    ({"version": "1" * 500}, "version"),
    (on("a/b"), "platform"),
    (on("java\n1.0 "), "platform"),
    (on("x86-linux", "i686-linux"), "platform 'i686-linux' is 'x86-linux'"),
    (needing("rack\n"), "depends on"),
    (needing("rack,evil:>= 0"), "depends on"),
    (needing("rack:>= 0"), "depends on"),
    (needing("rack|checksum:0"), "depends on"),
    (needing("rack", ">= 1\n2.0 |"), "requirement"),
    (needing("rack", ">= 1,evil:>= 0"), "requirement"),
    (needing("rack", ">= 1&< 2"), "requirement"),
    (needing("rack", ">= 1|checksum:0"), "requirement"),
    (needing("rack", "1.0"), "requirement"),
    (needing("rack", *(f">= {at}" for at in range(65))), "requirement"),
    (needing("rack", count=2), "2 runtime dependencies on rack"),
    (needing("rack", count=2000), "more than 1024 dependencies"),
    (
        {
            "dependencies": tuple(
                GemDependency(name=f"rack-{at}", requirements=(f">= {'1' * 60}",), kind=RUNTIME)
                for at in range(1000)
            )
        },
        "dependencies have more than 64000 characters",
    ),
    ({"required_ruby_version": ()}, "required_ruby_version"),
    ({"required_ruby_version": (">= 3.0,checksum:0",)}, "required_ruby_version"),
    ({"required_rubygems_version": (">= 3.0|",)}, "required_rubygems_version"),
    ({"rubygems_version": "x"}, "version of RubyGems"),
    ({"authors": ()}, "authors"),
    ({"authors": (" ", "")}, "authors"),
    ({"date": ""}, "date"),
    ({"date": "2026-02-30"}, "date"),
    ({"date": "2026-01-31 00:00:00 UTC"}, "date"),
    ({"metadata": {"": "x"}}, "metadata"),
    ({"metadata": {"x" * 129: "x"}}, "metadata"),
    ({"metadata": {"x": "x" * 1025}}, "metadata"),
    ({"metadata": {str(at): "x" * 1024 for at in range(1100)}}, "specification"),
    ({"summary": "x" * 64_001}, "summary"),
    ({"description": "x" * 64_001}, "description"),
    ({"email": ("x" * 2**20,)}, "specification"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=lambda value: repr(value)[:60])
def test_what_may_not_be_published_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        require_publishable(specification(**changes))


@given(specifications)
def test_what_ruby_can_build_may_be_published(spec: GemSpecification) -> None:
    require_publishable(spec)


line_breaking = st.text("a1.-_ ,:|&\n\r=>~", max_size=6)


@given(line_breaking, line_breaking, line_breaking, line_breaking, line_breaking)
def test_no_value_ends_a_field_of_an_index(
    version: str, platform: str, name: str, requirement: str, ruby: str
) -> None:
    changes = on(platform) | needing(name, requirement) | {"required_ruby_version": (ruby,)}
    spec = specification(version=version, **changes)
    try:
        require_publishable(spec)
    except InvalidInput:
        return
    line = info_line(spec, SHA256, MOMENT)
    assert len(line.splitlines()) == 1
    assert (line.count("|"), line.count("&")) == (1, 0)
    assert line.partition("|")[0].count(",") == 0
