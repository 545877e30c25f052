"""Words that are the registry's own in URLs, and so the name of nothing else there."""

from __future__ import annotations

RESERVED_AT_ROOT = frozenset(
    {
        "", ".well-known", "_", "api", "auth", "cargo", "composer", "favicon.ico", "gems",
        "health", "healthz", "index", "info", "legacy", "library", "livez", "maven", "maven2",
        "me", "metrics", "names", "npm", "o", "oci", "p", "p2", "packages.json", "pypi", "quick",
        "r", "readyz", "robots.txt", "rubygems", "simple", "specs.4.8.gz",
        "latest_specs.4.8.gz", "prerelease_specs.4.8.gz", "static", "token", "ui", "v2",
        "versions",
    }
)  # fmt: skip
"""First segments of paths, in every scope; no format's short path starts so."""

RESERVED_SLUGS = RESERVED_AT_ROOT | {"admin", "crates", "latest"}
"""What no organization is called.

Beside paths, these are words that would mislead: who administers, Cargo's crates and the
newest version of something. Packages may be called so.
"""
