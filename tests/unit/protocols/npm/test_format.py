from __future__ import annotations

from app.protocols.npm.format import FORMAT
from app.registry.formats import Dependency


def test_a_manifest_without_dependencies_needs_nothing() -> None:
    assert FORMAT.dependencies(b'{"name": "x", "dependencies": {}}') == ()


def test_an_optional_dependency_is_told_of_once() -> None:
    manifest = b'{"dependencies": {"a": "1", "b": "2"}, "optionalDependencies": {"b": "2"}}'
    assert FORMAT.dependencies(manifest) == (
        Dependency(name="a", requirement="1", kind="dependencies"),
        Dependency(name="b", requirement="2", kind="optionalDependencies", is_optional=True),
    )


def test_a_scope_is_the_namespace_of_a_package_url() -> None:
    assert FORMAT.name_of_purl("@acme", "thing") == "@acme/thing"
    assert FORMAT.name_of_purl("", "left-pad") == "left-pad"
