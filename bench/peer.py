"""One server of the comparison, running."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.client import Client
from bench.processes import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A server that speaks a format's protocol under ``base_url``.

    Attributes:
        headers: that every request carries, such as credentials.
        credentials: the same as name and password, for programs; none where anybody may.
        publisher: what a publish carries beside them.
        root: the process whose descendants serve.
        is_registry: whether it takes what clients publish and makes documents of it; a file
            server only stores it.
    """

    name: str
    base_url: str
    root: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    credentials: str | None = field(default=None, repr=False)
    is_registry: bool = True
    publisher: Mapping[str, str] = field(default_factory=dict, repr=False)

    def client(self) -> Client:
        """Return a new connection of somebody who reads."""
        return Client(self.base_url, self.headers)

    def publishing_client(self) -> Client:
        """Return a new connection of somebody who publishes."""
        return Client(self.base_url, {**self.headers, **self.publisher})

    def processes(self) -> list[int]:
        """Return the processes that serve."""
        return tree(self.root)


def answers(base_url: str, path: str) -> Callable[[], bool]:
    """Return a question: does the server answer with 200 there?"""

    def ask() -> bool:
        try:
            with Client(base_url, {}) as client:
                return client.ask("GET", path).status == 200  # noqa: PLR2004  OK
        except OSError:
            return False

    return ask
