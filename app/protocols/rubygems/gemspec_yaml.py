"""Read the specification that lies in a gem, as YAML.

What its objects are in Ruby is checked by their tags: a version that were a plain text would
break the clients.
"""

from __future__ import annotations

from typing import NoReturn

from app.errors import InvalidInput
from app.protocols.rubygems import platforms, safe_yaml
from app.protocols.rubygems.gem_versions import ANY
from app.protocols.rubygems.gemspec import DEVELOPMENT, RUNTIME, GemDependency, GemSpecification
from app.protocols.rubygems.gemspec_rules import require_publishable, shown
from app.protocols.rubygems.safe_yaml import Mapping, Node, PlainNumber

_SPECIFICATION = "Gem::Specification"
_VERSION = "Gem::Version"
_DEPENDENCY = "Gem::Dependency"
_PLATFORM = "Gem::Platform"
_REQUIREMENTS = ("Gem::Requirement", "Gem::Version::Requirement")
_CLASSES = frozenset({_SPECIFICATION, _VERSION, _DEPENDENCY, _PLATFORM, *_REQUIREMENTS})

_FIELDS = frozenset(
    {
        "authors", "autorequire", "bindir", "cert_chain", "date", "default_executable",
        "dependencies", "description", "email", "executables", "extensions", "extra_rdoc_files",
        "files", "has_rdoc", "homepage", "licenses", "metadata", "name", "original_platform",
        "platform", "post_install_message", "prerelease", "rdoc_options", "require_paths",
        "required_ruby_version", "required_rubygems_version", "requirements", "rubyforge_project",
        "rubygems_version", "signing_key", "specification_version", "summary", "test_files",
        "version",
    }
)  # fmt: skip
"""Those of a specification, now and in earlier times. Ruby makes an instance variable of whatever
else there is, and some releases then believe it: ``full_name`` is where they install to."""

_KINDS = {None: RUNTIME, ":runtime": RUNTIME, ":development": DEVELOPMENT}
_LENGTH_OF_DATE = len("2026-01-31")


def read_gemspec(raw: bytes) -> GemSpecification:
    """Read a specification, and check that it may be published.

    Args:
        raw: the YAML that was in ``metadata.gz``.

    Raises:
        InvalidInput: it is no specification, or may not be published.
    """
    root = safe_yaml.load(raw, "The gem's metadata", classes=_CLASSES)
    spec = _specification(_Fields.of(root, "metadata", _SPECIFICATION))
    require_publishable(spec)
    return spec


class _Fields:
    """The fields of one object."""

    def __init__(self, values: dict[str, Node], what: str) -> None:
        self._values = values
        self._what = what

    @classmethod
    def of(cls, node: Node, what: str, *class_names: str) -> _Fields:
        """Take an object of one of these classes in Ruby."""
        if not isinstance(node, Mapping) or node.class_name not in class_names:
            _refuse(what, f"a {class_names[0]}")
        return cls(node.values, what)

    def require_only(self, names: frozenset[str]) -> None:
        """Refuse other fields than these."""
        for name in self._values.keys() - names:
            raise InvalidInput(
                f"The gem's {self._what} has the field {shown(name)}, which no specification has. "
                "Build it with gem build."
            )

    def node(self, name: str) -> Node:
        """Return a field; none where it is not there."""
        return self._values.get(name)

    def text(self, name: str) -> str:
        """Return a text; empty where there is none."""
        return self.text_or_none(name) or ""

    def text_or_none(self, name: str) -> str | None:
        """Return a text."""
        node = self.node(name)
        return node if node is None else _text(node, name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, which may be written as one text alone."""
        node = self.node(name)
        if node is None:
            return ()
        items = node if isinstance(node, list) else [node]
        return tuple(_text(item, name) for item in items if item is not None)

    def text_or_texts(self, name: str) -> str | tuple[str, ...]:
        """Return a text or a list of texts, as it is written."""
        is_list = isinstance(self.node(name), list)
        return self.texts(name) if is_list else self.text(name)

    def version(self, name: str) -> str:
        """Return a version."""
        return _version(self.node(name), name)

    def requirements(self, *names: str) -> tuple[str, ...]:
        """Return requirements, from the first of these fields that is there."""
        for name in names:
            if (node := self.node(name)) is not None:
                pairs = self.of(node, name, *_REQUIREMENTS).node("requirements")
                return tuple(_requirement(pair, name) for pair in _list(pairs, name))
        return (ANY,)


def _specification(fields: _Fields) -> GemSpecification:
    fields.require_only(_FIELDS)
    original_platform = _original_platform(fields)
    written = fields.text("original_platform")  # where the other is its normal form
    if written and platforms.normalised(written) != original_platform:
        raise InvalidInput(
            f"The gem is for {shown(original_platform)}, and not for {shown(written)}. "
            "Build it with gem build."
        )
    return GemSpecification(
        name=fields.text("name"),
        version=fields.version("version"),
        platform=platforms.normalised(original_platform),
        original_platform=original_platform,
        summary=fields.text("summary"),
        description=fields.text("description"),
        authors=fields.texts("authors"),
        email=fields.text_or_texts("email"),
        homepage=fields.text("homepage"),
        licenses=fields.texts("licenses"),
        metadata=_metadata(fields.node("metadata")),
        required_ruby_version=fields.requirements("required_ruby_version"),
        required_rubygems_version=fields.requirements("required_rubygems_version"),
        dependencies=tuple(
            _dependency(_Fields.of(one, "dependencies", _DEPENDENCY))
            for one in _list(fields.node("dependencies"), "dependencies")
        ),
        rubygems_version=fields.text("rubygems_version"),
        date=fields.text("date")[:_LENGTH_OF_DATE],
        is_signed=bool(fields.texts("cert_chain")),
    )


def _original_platform(fields: _Fields) -> str:
    node = fields.node("platform")
    if isinstance(node, Mapping):  # as RubyGems 1.3 and earlier wrote it
        parts = _Fields.of(node, "platform", _PLATFORM)
        found = [parts.text_or_none(name) for name in ("cpu", "os", "version")]
        return "-".join(one for one in found if one)
    return fields.text("platform") or platforms.RUBY


def _dependency(fields: _Fields) -> GemDependency:
    kind = fields.text_or_none("type")
    if kind not in _KINDS:
        raise InvalidInput(
            f"The gem has a dependency of the kind {shown(kind or '')}. "
            "Use :runtime or :development."
        )
    return GemDependency(
        name=fields.text("name"),
        requirements=fields.requirements("requirement", "version_requirements"),
        kind=_KINDS[kind],
    )


def _requirement(pair: Node, what: str) -> str:
    match pair:
        case [str(operator), Mapping() as version]:
            return f"{operator} {_version(version, what)}"
        case _:
            return _refuse(what, "a list of operators, each with a Gem::Version")


def _version(node: Node, what: str) -> str:
    """Return a version; one that Ruby would not read as it is meant is refused.

    It takes what is not in quotes for a number, which then has no parts, and what has a ``-``
    for a version by another name than that of its file.
    """
    version = _text(_Fields.of(node, what, _VERSION).node("version"), what)
    if isinstance(version, PlainNumber) or "-" in version:
        _refuse(what, "a version in quotes and without '-', such as '1.0' or '2.0.rc1'")
    return version


def _metadata(node: Node) -> dict[str, str]:
    if node is None:
        return {}
    if not isinstance(node, Mapping) or node.class_name:
        _refuse("metadata", "a mapping of texts")
    return {key: _text(value, "metadata") for key, value in node.values.items()}


def _list(node: Node, what: str) -> list[Node]:
    if node is None:
        return []
    return node if isinstance(node, list) else _refuse(what, "a list")


def _text(node: Node, what: str) -> str:
    return node if isinstance(node, str) else _refuse(what, "a text")


def _refuse(what: str, wanted: str) -> NoReturn:
    raise InvalidInput(f"{what} in the gem has to be {wanted}. Build it with gem build.")
