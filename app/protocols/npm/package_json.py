"""The fields of a ``package.json``, in the forms in which npm publishes them.

A package.json is written by hand: a person may be one string or an object, ``bin`` a path
or a map. npm's clients normalise that before they publish; since their word is not taken
for what is in the tarball, it is done again here.

Spec: npm, "package.json"; what ``npm publish`` 11 sends was compared.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Any

from app.errors import InvalidInput

DEPENDENCY_FIELDS = (
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "acceptDependencies",
)
_INSTALL_SCRIPTS = ("preinstall", "install", "postinstall")
_HOSTS = {"github": "github.com", "gitlab": "gitlab.com", "bitbucket": "bitbucket.org"}
_SHORTCUT = re.compile(
    r"(?:(?P<host>github|gitlab|bitbucket):)?(?P<path>\w[\w.-]*/\w[\w.-]*)", re.ASCII
)
_PERSON_NAME = re.compile(r"([^(<]+)")
_PERSON_EMAIL = re.compile(r"<([^<>]+)>")
_PERSON_URL = re.compile(r"\(([^()]+)\)")


def normalise(package_json: Mapping[str, Any], base_name: str) -> dict[str, Any]:
    """Return the fields as npm publishes them; what npm does not know stays as it is.

    Args:
        package_json: as it stands in the tarball.
        base_name: the package's name without its scope: what a lone ``bin`` is called.

    Raises:
        InvalidInput: a dependency field is no object, so nobody could install the package.
    """
    fields = dict(package_json)
    alias = fields.pop("bundledDependencies", None)
    fields.setdefault("bundleDependencies", alias)
    for name in DEPENDENCY_FIELDS:
        _put(fields, name, _dependencies(name, fields.get(name)))
    for name, normalised in _FIELDS.items():
        if name in fields:
            _put(fields, name, normalised(fields[name]))
    _put(fields, "bin", _bin(fields.get("bin"), base_name))
    _put(fields, "bundleDependencies", _bundled(fields))
    return fields


def add_build_script(fields: dict[str, Any]) -> None:
    """Say that npm will build the package, because of the ``binding.gyp`` in its root."""
    scripts = fields.get("scripts", {})
    if fields.get("gypfile") is False or "install" in scripts or "preinstall" in scripts:
        return
    fields["scripts"] = {**scripts, "install": "node-gyp rebuild"}
    fields["gypfile"] = True


def has_install_script(fields: Mapping[str, Any]) -> bool:
    """Whether installing the package runs something of it."""
    return any(script in fields.get("scripts", {}) for script in _INSTALL_SCRIPTS)


def _put(fields: dict[str, Any], name: str, value: object) -> None:
    if value is None:
        fields.pop(name, None)
    else:
        fields[name] = value


def _dependencies(name: str, value: object) -> dict[str, str] | None:
    if not value and not isinstance(value, dict):
        return None
    if not isinstance(value, dict):
        raise InvalidInput(
            f"package.json: '{name}' must be an object of package names and version ranges."
        )
    return {package: wanted for package, wanted in value.items() if isinstance(wanted, str)}


def _bundled(fields: Mapping[str, Any]) -> list[str] | None:
    value = fields["bundleDependencies"]
    if value is True:
        return list(fields.get("dependencies", ()))
    if value is False:
        return []
    if isinstance(value, (list, dict)):
        return [name for name in value if isinstance(name, str)]
    return None


def _bin(value: object, base_name: str) -> dict[str, str] | None:
    if isinstance(value, str):
        value = {base_name: value}
    elif isinstance(value, list):
        value = {posixpath.basename(path): path for path in value if isinstance(path, str)}
    if not isinstance(value, dict):
        return None
    commands = {
        posixpath.basename(_within(command.replace(":", "/"))): _within(path)
        for command, path in value.items()
        if isinstance(path, str)
    }
    return {command: path for command, path in commands.items() if command and path} or None


def _within(path: str) -> str:
    """Return a path below the package's root, whatever ``..`` and slashes it has."""
    return posixpath.normpath("/" + path.replace("\\", "/").lstrip("/"))[1:]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _object(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _words(value: object) -> list[str] | None:
    if isinstance(value, str):
        value = [word.strip() for word in value.split(",")]
    if not isinstance(value, list):
        return None
    return [word for word in value if isinstance(word, str) and word]


def _paths(value: object) -> list[str] | None:
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, list):
        return None
    return [_within(path) for path in paths if isinstance(path, str)] or None


def _scripts(value: object) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    return {name: script for name, script in value.items() if isinstance(script, str)}


def _person(value: object) -> dict[str, str] | None:
    """Return the parts of ``Name <e-mail> (URL)``, or those of an object."""
    if isinstance(value, str):
        found = {
            "name": _PERSON_NAME.match(value),
            "email": _PERSON_EMAIL.search(value),
            "url": _PERSON_URL.search(value),
        }
        parts = {part: match[1] for part, match in found.items() if match}
    elif isinstance(value, dict):
        parts = {
            "name": value.get("name"),
            "email": value.get("email") or value.get("mail"),
            "url": value.get("url") or value.get("web"),
        }
    else:
        return None
    return {
        part: text.strip() for part, text in parts.items() if isinstance(text, str) and text.strip()
    }


def _people(value: object) -> list[dict[str, str]] | None:
    if not isinstance(value, list):
        return None
    return [person for person in map(_person, value) if person]


def _repository(value: object) -> dict[str, Any] | None:
    if isinstance(value, str):
        value = {"type": "git", "url": value}
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        return None
    shortcut = _SHORTCUT.fullmatch(value["url"])
    if shortcut is None:
        return value
    host = _HOSTS[shortcut["host"] or "github"]
    return {**value, "url": f"git+https://{host}/{shortcut['path'].removesuffix('.git')}.git"}


def _bugs(value: object) -> dict[str, str] | None:
    if isinstance(value, str):
        value = {"url": value} if "://" in value else {"email": value}
    if not isinstance(value, dict):
        return None
    known = {part: value.get(part) for part in ("url", "email")}
    return {part: text for part, text in known.items() if isinstance(text, str) and text} or None


_FIELDS: dict[str, Callable[[object], object]] = {
    "description": _text,
    "homepage": _text,
    "keywords": _words,
    "author": _person,
    "contributors": _people,
    "repository": _repository,
    "bugs": _bugs,
    "scripts": _scripts,
    "man": _paths,
    "directories": _object,
    "engines": _object,
    "peerDependenciesMeta": _object,
    "os": _words,
    "cpu": _words,
    "libc": _words,
}
