"""Writers that read back through another process, and know what they must see.

Each writer has packages, tokens and a repository of its own, so it knows the state of each
after every acknowledged change. Before a change it reads through every process, so that
each has a copy to go stale; after it, it reads through another process than it wrote.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.npm_wire import NpmWire, a_publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.npm_wire import Answer
    from tests.world import Person

_TRIED_AGAIN = frozenset({503})
_MOST_VERSIONS = 30  # of one package; with more, the time goes into rendering them


@dataclass(frozen=True)
class Member:
    """What one writer works with: its own repository, a reader to grant and revoke, tokens."""

    owner: Person
    reader: Person
    repository_id: str
    repository_name: str
    spare_tokens: list[Person]


@dataclass
class Outcome:
    """What the traffic came to."""

    changes: int = 0
    refused: int = 0
    stale: list[str] = field(default_factory=list)


class Writer(threading.Thread):
    """One client that changes things and reads them back.

    Args:
        urls: the processes' origins.
        organization: slug.
        member: what it works with.
        changes: how many changes it makes.
    """

    def __init__(
        self, number: int, urls: list[str], organization: str, member: Member, changes: int
    ) -> None:
        super().__init__(name=f"writer-{number}", daemon=True)
        self.outcome = Outcome()
        self._random = random.Random(number)  # noqa: S311  a reproducible choice
        self._changes = changes
        self._member = member
        self._packages = (f"writer-{number}-{index}" for index in itertools.count())
        self._package = next(self._packages)
        self._base = f"/r/{organization}/{member.repository_name}/npm/"
        self._urls = urls
        self._versions: list[str] = []
        self._serial = 0
        self._latest = ""
        self._is_granted = True
        self._clients: dict[tuple[str, str], NpmWire] = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        """Make the changes."""
        try:
            while self.outcome.changes < self._changes:
                self._warm()
                self._choose()()
        except BaseException as error:  # noqa: BLE001  told to who joins
            self.error = error

    def _choose(self) -> Callable[[], None]:
        if not self._versions:
            return self._publish
        choices: list[Callable[[], None]] = [self._publish] * 6 + [self._move_tag] * 2
        if len(self._versions) > 1:
            choices += [self._unpublish] * 2
        if self._member.spare_tokens:
            choices.append(self._revoke_token)
        choices.append(self._change_grant)
        return self._random.choice(choices)

    # The changes, each with what has to be seen afterwards.

    def _publish(self) -> None:
        if len(self._versions) == _MOST_VERSIONS:
            self._begin_package()
        self._serial += 1
        version = f"1.0.{self._serial}"
        write, read = self._two_urls()
        answer = self._ask(write, lambda one: one.publish(a_publish(self._package, version)))
        if self._is_done(answer, 201):
            self._versions.append(version)
            self._latest = version
        if self._versions:
            self._check_versions(read, f"publish of {version}")

    def _begin_package(self) -> None:
        self._package = next(self._packages)
        self._versions = []

    def _unpublish(self) -> None:
        version = self._random.choice(self._versions[:-1])
        write, read = self._two_urls()
        answer = self._ask(write, lambda one: one.unpublish(self._package, version))
        if self._is_done(answer, 201):
            self._versions.remove(version)
            if self._latest == version:
                self._latest = self._versions[-1]
        self._check_versions(read, f"withdrawal of {version}")

    def _move_tag(self) -> None:
        version = self._random.choice(self._versions)
        write, read = self._two_urls()
        answer = self._ask(write, lambda one: one.set_tag(self._package, "latest", version))
        if self._is_done(answer, 201):
            self._latest = version
        self._check_versions(read, f"latest to {version}")

    def _revoke_token(self) -> None:
        person = self._member.spare_tokens.pop()
        write, read = self._two_urls()
        for url in self._urls:
            self._read(url, person.token)
        path = f"-/user/token/{person.token}"
        answer = self._ask(write, lambda one: one.request("DELETE", path))
        if not self._is_done(answer, 200):
            return
        seen = self._read(read, person.token)
        if seen.status not in {401, *_TRIED_AGAIN}:
            self._is_stale(f"a revoked token was taken: {seen.status}")

    def _change_grant(self) -> None:
        write, read = self._two_urls()
        for url in self._urls:
            self._read(url, self._member.reader.token)
        wanted = not self._is_granted
        user = self._member.reader.user.username
        path = f"/api/v1/repositories/{self._member.repository_id}/permissions/users/{user}"
        body = json.dumps({"role": "reader"}).encode()
        answer = self._api(write, "PUT", path, body) if wanted else self._api(write, "DELETE", path)
        if not self._is_done(answer, 200, 201, 204):
            return
        self._is_granted = wanted
        seen = self._read(read, self._member.reader.token)
        if seen.status not in {200 if wanted else 404, *_TRIED_AGAIN}:
            self._is_stale(f"grant {wanted}: {seen.status}")

    # Reading.

    def _warm(self) -> None:
        for url in self._urls:
            self._read(url, self._member.owner.token)

    def _check_versions(self, url: str, after: str) -> None:
        seen = self._read(url, self._member.owner.token)
        if seen.status in _TRIED_AGAIN:
            return
        if seen.status != 200:
            self._is_stale(f"after {after}: {seen.status} {seen.body[:200]!r}")
            return
        packument = seen.json()
        found = (sorted(packument["versions"]), packument["dist-tags"].get("latest"))
        wanted = (sorted(self._versions), self._latest)
        if found != wanted:
            self._is_stale(f"after {after}: {found}, not {wanted}")

    def _read(self, url: str, token: str) -> Answer:
        return self._client(url, token).packument(self._package)

    def _is_done(self, answer: Answer, *statuses: int) -> bool:
        """Whether the change was acknowledged; one that may have happened is settled first."""
        self.outcome.changes += 1
        if answer.status in statuses:
            return True
        self.outcome.refused += 1
        if answer.status not in _TRIED_AGAIN:
            self._is_stale(f"refused: {answer.status} {answer.body[:200]!r}")
        self._settle()
        return False

    def _settle(self) -> None:
        """Learn what became of a change whose answer said "try again"."""
        if not self._versions:
            self._begin_package()  # Whether this one came to be is left open.
            return
        while True:
            seen = self._read(self._urls[0], self._member.owner.token)
            if seen.status == 200:
                break
        packument = seen.json()
        self._versions = list(packument["versions"])
        self._latest = packument["dist-tags"]["latest"]

    def _is_stale(self, what: str) -> None:
        self.outcome.stale.append(f"{self._package}: {what}")

    # Talking.

    def _two_urls(self) -> tuple[str, str]:
        write, read = self._random.sample(self._urls, 2)
        return write, read

    def _ask(self, url: str, request: Callable[[NpmWire], Answer]) -> Answer:
        return request(self._client(url, self._member.owner.token))

    def _client(self, url: str, token: str) -> NpmWire:
        key = (url, token)
        if key not in self._clients:
            self._clients[key] = NpmWire(url + self._base, token, seconds=90)
        return self._clients[key]

    def _api(self, url: str, method: str, path: str, body: bytes | None = None) -> Answer:
        client = NpmWire(url, self._member.owner.token, seconds=90)
        try:
            return client.request(method, path, body)
        except http.client.HTTPException as error:
            raise AssertionError(f"{method} {path}: {error!r}") from error
        finally:
            client.close()
