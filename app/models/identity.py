"""People and the groups they act in."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from mongoengine import (
    BooleanField,
    DateTimeField,
    Document,
    EnumField,
    IntField,
    LazyReferenceField,
    LongField,
    ObjectIdField,
    StringField,
)
from pymongo import ReturnDocument

from app.models.fields import now
from app.models.organizations import Organization


class Counter(Document):
    """A named sequence of integers."""

    name = StringField(primary_key=True)
    value = LongField(required=True, default=0)

    meta: ClassVar[dict[str, object]] = {"collection": "counters", "auto_create_index": False}

    @classmethod
    def next(cls, name: str) -> int:
        """Take the sequence's next number, from 1."""
        return cls.take(name, 1)

    @classmethod
    def take(cls, name: str, count: int) -> int:
        """Take the sequence's next numbers; returns the first.

        In a transaction nobody else gets one before it ends: numbers are seen in their order.
        """
        row = cls._get_collection().find_one_and_update(
            {"_id": name},
            {"$inc": {"value": count}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return int(row["value"]) - count + 1


class User(Document):
    """One person or robot that signs in."""

    number = IntField(required=True)  # small and stable; Cargo's owner ids are u32
    email = StringField(required=True)  # lower case: the key
    username = StringField(required=True)  # lower case: the key
    display_name = StringField(default="")
    password_hash = StringField(default="")  # empty: cannot sign in with a password
    password_changed_at = DateTimeField()
    last_signed_in_at = DateTimeField()
    is_platform_admin = BooleanField(default=False)
    is_active = BooleanField(default=True)
    created_at = DateTimeField(required=True, default=now)
    updated_at = DateTimeField(required=True, default=now)
    renamed_in = ObjectIdField()  # the last package that shows a new name; none: all do

    meta: ClassVar[dict[str, object]] = {
        "collection": "users",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["email"], "unique": True},
            {"fields": ["username"], "unique": True},
            {"fields": ["number"], "unique": True},
        ],
    }


class OrganizationRole(StrEnum):
    """What a member may do in an organization."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class Membership(Document):
    """One user in one organization."""

    organization = LazyReferenceField(Organization, required=True, dbref=False)
    user = LazyReferenceField(User, required=True, dbref=False)
    role = EnumField(OrganizationRole, required=True)
    created_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "memberships",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["organization", "user"], "unique": True},
            {"fields": ["user"]},
        ],
    }


class TeamRole(StrEnum):
    """What a team member may do on the team's repositories."""

    MAINTAINER = "maintainer"
    MEMBER = "member"


class Team(Document):
    """A group of an organization's members that is granted repositories."""

    organization = LazyReferenceField(Organization, required=True, dbref=False)
    slug = StringField(required=True)
    display_name = StringField(default="")
    description = StringField(default="")
    created_at = DateTimeField(required=True, default=now)
    updated_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "teams",
        "auto_create_index": False,
        "indexes": [{"fields": ["organization", "slug"], "unique": True}],
    }


class TeamMember(Document):
    """One user in one team."""

    team = LazyReferenceField(Team, required=True, dbref=False)
    user = LazyReferenceField(User, required=True, dbref=False)
    role = EnumField(TeamRole, required=True, default=TeamRole.MEMBER)
    created_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "team_members",
        "auto_create_index": False,
        "indexes": [{"fields": ["team", "user"], "unique": True}, {"fields": ["user"]}],
    }
