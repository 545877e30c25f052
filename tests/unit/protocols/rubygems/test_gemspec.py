from __future__ import annotations

from hypothesis import given

from app.protocols.rubygems.gemspec import GemSpecification
from tests.unit.protocols.rubygems.gem_files import specification, specifications


@given(specifications)
def test_a_specification_survives_being_written_and_read(spec: GemSpecification) -> None:
    assert GemSpecification.from_json(spec.to_json()) == spec


def test_a_file_is_named_after_the_platform_unless_it_is_for_all() -> None:
    assert specification().filename == "hola-1.0.0.gem"
    assert specification(platform="java").filename == "hola-1.0.0-java.gem"
