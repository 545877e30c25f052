"""Gems as their authors have them in a folder."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_GEMSPEC = """\
Gem::Specification.new do |spec|
  spec.name = {name}
  spec.version = {version}
  spec.platform = {platform}
  spec.summary = {summary}
  spec.description = "It says which version it is, and holds: {remark}"
  spec.authors = ["Alice", "Bob"]
  spec.email = {email}
  spec.homepage = "https://homepage.test/"
  spec.license = "MIT"
  spec.required_ruby_version = {requires_ruby}
  spec.metadata = {{ "changelog_uri" => "https://changelog.test/" }}
  spec.files = Dir["lib/*"]
{dependencies}
{signature}
end
"""
_SIGNATURE = """\
  spec.cert_chain = ["{0}/gem-public_cert.pem"]
  spec.signing_key = "{0}/gem-private_key.pem"
"""


def new_name(base: str = "hola") -> str:
    """Return a name that no other test uses."""
    return f"{base}-x{secrets.token_hex(4)}"


@dataclass(frozen=True, kw_only=True)
class Gem:
    """One version of a gem for one platform.

    Attributes:
        dependencies: the requirements on each gem that it needs to run.
        remark: what tells two builds of the same version apart.
        data_bytes: the size of a file in it that does not shrink.
        signed_with: where ``gem cert --build`` has put certificate and key, to sign with them.
    """

    name: str
    version: str
    platform: str = "ruby"
    dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requires_ruby: str = ">= 2.7"
    email: str | tuple[str, ...] = ("alice@packhouse.test", "bob@packhouse.test")
    remark: str = "nothing"
    data_bytes: int = 0
    signed_with: Path | None = None

    @property
    def full_name(self) -> str:
        """The name as files have it."""
        platform = "" if self.platform == "ruby" else f"-{self.platform}"
        return f"{self.name}-{self.version}{platform}"

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"{self.full_name}.gem"

    def write_sources(self, folder: Path) -> Path:
        """Write the sources into a folder, and return its specification."""
        source = folder / f"lib/{self.name}.rb"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(f"HOLA = {json.dumps(self.version)}  # {self.remark}\n")
        if self.data_bytes:
            (source.parent / f"{self.name}.bin").write_bytes(os.urandom(self.data_bytes))
        gemspec = folder / f"{self.name}.gemspec"
        gemspec.write_text(
            _GEMSPEC.format(
                name=json.dumps(self.name),
                version=json.dumps(self.version),
                platform=json.dumps(self.platform),
                summary=json.dumps(f"{self.name} in a test: naïve, ☃", ensure_ascii=False),
                email=json.dumps(self.email),
                requires_ruby=json.dumps(self.requires_ruby),
                remark=self.remark,
                dependencies="\n".join(
                    f"  spec.add_dependency {', '.join(map(json.dumps, (name, *requirements)))}"
                    for name, requirements in self.dependencies.items()
                ),
                signature="" if self.signed_with is None else _SIGNATURE.format(self.signed_with),
            ),
            encoding="utf-8",
        )
        return gemspec
