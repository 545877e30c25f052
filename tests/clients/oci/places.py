"""The repositories of images that the tests share: each test has names of its own in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.clients.oci.images import KIB
from tests.clients.registry import ORGANIZATION

if TYPE_CHECKING:
    from tests.clients.oci.wire import Wire

PUBLIC = "pub"
"""Anybody may read it; its images' names begin with it, as with those below."""
FIXED = "fixed"
"""Tags that begin with a v never move there."""
SMALL = "small"
"""It takes no large blobs."""
_REPOSITORIES: dict[str, dict[str, Any]] = {
    "oci": {},
    PUBLIC: {"visibility": "public"},
    FIXED: {"settings": {"immutable_tags": ["v*"]}},
    SMALL: {"settings": {"max_file_bytes": 64 * KIB}},
}


def make_repositories(owner: Wire) -> None:
    """Make them; Alice keeps them, and Bob may read there."""
    for name, differing in _REPOSITORIES.items():
        new = {"name": name, "protocol": "oci", "visibility": "private", **differing}
        made = owner.api("POST", f"/organizations/{ORGANIZATION}/repositories", new)
        grants = f"/repositories/{made['id']}/permissions/users"
        owner.api("PUT", f"{grants}/alice", {"role": "maintainer"})
        owner.api("PUT", f"{grants}/bob", {"role": "reader"})
