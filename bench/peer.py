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
    """A server that speaks npm's protocol under ``base_url``.

    Attributes:
        headers: that every request carries, such as credentials.
        publisher: what a publish carries beside them.
        root: the process whose descendants serve.
        publishes_documents: whether it takes what ``npm publish`` sends and makes packuments
            of it; a file server only stores it.
    """

    name: str
    base_url: str
    root: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    publisher: Mapping[str, str] = field(default_factory=dict, repr=False)
    publishes_documents: bool = True

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
