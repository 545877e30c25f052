"""Fills a registry's database with rows as publishing makes them, a hundred times faster.

There are no artifacts behind them: it is for what reads rows, such as lists and searches.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
from bson import ObjectId

from app.audit import chain
from app.audit.events import Actor, ActorType, AuditAction, AuditEvent, Resource, new_event_id
from app.models import (
    File,
    Membership,
    Organization,
    OrganizationRole,
    Package,
    Repository,
    Team,
    User,
    Version,
    Visibility,
)
from app.models.packages import DistTag
from app.models.rows import rows_of
from app.registry.search_terms import terms_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mongoengine import Document

Row = dict[str, Any]  # a document as MongoDB holds it

RARE_WORD = "zirconium"
COMMON_WORD = "parser"
_BATCH = 2000
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_REPOSITORIES = 5  # of each organization
_TEAMS = 5
_ORGANIZATIONS_OF_A_USER = 2
_VOCABULARY = [
    f"{first}{second}{third}"
    for first in "bdfgklmnprstvw"
    for second in "aeiou"
    for third in ("ck", "der", "lix", "mon", "nor", "per", "rin", "sol", "ton", "vey")
]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much there is to be.

    Attributes:
        versions: of each package.
        events: of the audit.
    """

    packages: int
    versions: int = 10
    organizations: int = 200
    users: int = 10_000
    events: int = 0


class Seeding:
    """Rows of one registry, the same for the same size.

    Needs this process's connection to the registry's migrated database.
    """

    def __init__(self, size: Size) -> None:
        self._size = size
        self._random = random.Random(size.packages)
        self._users: list[ObjectId] = []
        self._organizations: list[ObjectId] = []
        self._repositories: list[tuple[ObjectId, ObjectId]] = []  # and their organizations

    def everything(self) -> None:
        """Insert all of it."""
        for kind, documents in (
            (User, self._people()),
            (Organization, self._tenants()),
            (Membership, self._memberships()),
            (Team, self._teams()),
            (Repository, self._places()),
        ):
            _insert(kind, (one.to_mongo() for one in documents))
        packages = [ObjectId() for _ in range(self._size.packages)]
        _insert(Package, (one.to_mongo() for one in self._packages(packages)))
        _insert(Version, self._versions(packages))
        self._chain()

    def _people(self) -> Iterator[Document]:
        for number in range(self._size.users):
            self._users.append(ObjectId())
            yield User(
                id=self._users[-1],
                number=1_000_000 + number,
                email=f"user-{number}@bench.test",
                username=f"user-{number}",
            )

    def _tenants(self) -> Iterator[Document]:
        for number in range(self._size.organizations):
            self._organizations.append(ObjectId())
            yield Organization(id=self._organizations[-1], slug=f"org-{number}")

    def _memberships(self) -> Iterator[Document]:
        for number, user in enumerate(self._users):
            for step in range(_ORGANIZATIONS_OF_A_USER):
                place = (number + step * 7) % len(self._organizations)
                is_first = number < len(self._organizations) and step == 0
                yield Membership(
                    organization=self._organizations[place],
                    user=user,
                    role=OrganizationRole.OWNER if is_first else OrganizationRole.MEMBER,
                )

    def _teams(self) -> Iterator[Document]:
        for organization in self._organizations:
            for number in range(_TEAMS):
                yield Team(organization=organization, slug=f"team-{number}")

    def _places(self) -> Iterator[Document]:
        visibilities = [Visibility.PUBLIC, Visibility.INTERNAL, Visibility.PRIVATE]
        for organization in self._organizations:
            for number in range(_REPOSITORIES):
                self._repositories.append((ObjectId(), organization))
                yield Repository(
                    id=self._repositories[-1][0],
                    organization=organization,
                    name=f"npm-{number}",
                    protocol="npm",
                    visibility=visibilities[number % len(visibilities)],
                )

    def _packages(self, ids: Sequence[ObjectId]) -> Iterator[Document]:
        for number, package in enumerate(ids):
            repository, organization = self._repositories[number % len(self._repositories)]
            name = f"@org-{number % len(self._organizations)}/{self._word()}-{number}"
            summary = f"A {self._word()} {self._word()} for {self._word()}"
            if number % (len(ids) // 20) == 0:
                summary += f" of {RARE_WORD}"
            if number % 20 == 0:
                summary += f" and {COMMON_WORD}"
            keywords = [self._word(), self._word()]
            moment = _EPOCH + timedelta(seconds=number)
            yield Package(
                id=package,
                protocol="npm",
                organization=organization,
                repository=repository,
                name=name,
                display_name=name,
                revision=self._size.versions,
                tags=[DistTag(name="latest", number=f"1.{self._size.versions - 1}.0")],
                owners=[self._users[number % len(self._users)]],
                summary=summary,
                keywords=keywords,
                terms=terms_of(name, summary, keywords),
                latest_number=f"1.{self._size.versions - 1}.0",
                published_at=moment,
                created_at=moment,
                updated_at=moment,
            )

    def _versions(self, packages: Sequence[ObjectId]) -> Iterator[Row]:
        template = Version(
            package=packages[0],
            number="",
            display_number="",
            manifest=b'{"name":"x","dependencies":{"a":"^1.0.0"}}',
            readme="# Read me",
            published_by=self._users[0],
            published_at=_EPOCH,
            files=[File(filename="", key="", size_bytes=10_000, sha256="")],
        ).to_mongo()
        (file,) = template["files"]
        for place, package in enumerate(packages):
            for number in range(self._size.versions):
                filename = f"package-{place}-1.{number}.0.tgz"
                yield {
                    **template,
                    "_id": ObjectId(),
                    "package": package,
                    "number": f"1.{number}.0",
                    "display_number": f"1.{number}.0",
                    "published_at": _EPOCH + timedelta(seconds=place, minutes=number),
                    "files": [
                        {
                            **file,
                            "filename": filename,
                            "key": f"npm/bench/{filename}",
                            "sha256": f"{place:032x}{number:032x}",
                        }
                    ],
                }

    def _chain(self) -> None:
        """Append events of all kinds, by anybody, to what has happened already."""
        chain.note_end()
        actions = list(AuditAction)
        events = (self._event(number, actions) for number in range(self._size.events))
        while batch := list(islice(events, _BATCH)):
            chain.extend(batch)
        chain.note_end()

    def _event(self, number: int, actions: Sequence[AuditAction]) -> dict[str, Any]:
        user = number % len(self._users)
        moment = _EPOCH + timedelta(seconds=number)
        event = AuditEvent(
            id=new_event_id(int(moment.timestamp()) * 1_000_000_000),
            moment=moment,
            actor=Actor(type=ActorType.USER, id=str(self._users[user]), name=f"user-{user}"),
            action=actions[number % len(actions)],
            resource=Resource(
                type="package", id=f"{number % 5000:024x}", name=f"p-{number % 5000}"
            ),
            organization=f"org-{number % len(self._organizations)}",
        )
        return dict(orjson.loads(event.body()))

    def _word(self) -> str:
        return self._random.choice(_VOCABULARY)


def _insert(kind: type[Document], rows: Iterator[Row]) -> None:
    while batch := list(islice(rows, _BATCH)):
        rows_of(kind).insert_many(batch, ordered=False)
