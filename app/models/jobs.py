"""Long work that goes on after the request that asked for it."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from mongoengine import (
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    EnumField,
    IntField,
    LazyReferenceField,
    ObjectIdField,
    StringField,
)

from app.models.fields import now
from app.models.identity import User


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Document):
    """One piece of long work; removed a month after its end."""

    kind = StringField(required=True)  # such as "repository.delete"
    state = EnumField(JobState, required=True, default=JobState.QUEUED)
    user = LazyReferenceField(User, dbref=False)  # who asked for it; none: the operator
    actor = DictField(required=True)  # as the audit tells of it
    request = DictField()  # audit.RequestFacts of the one that asked for it
    target = DictField(required=True)  # type, id and name of what it is done to
    done = IntField(default=0)
    total = IntField(default=0)  # as counted at its beginning
    cancel_requested = BooleanField(default=False)
    error = DictField()  # code and detail; only once it has failed
    lease_until = DateTimeField(required=True, default=now)  # until then, a worker is at it
    created_at = DateTimeField(required=True, default=now)
    started_at = DateTimeField()
    finished_at = DateTimeField()

    meta: ClassVar[dict[str, object]] = {
        "collection": "jobs",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["state", "lease_until"]},
            {"fields": ["kind", "target.id", "state"]},
            {"fields": ["user", "-created_at", "-_id"]},
            {"fields": ["-created_at", "-_id"]},
            {"fields": ["finished_at"], "expireAfterSeconds": 30 * 24 * 3600},
        ],
    }


class JobItem(Document):
    """What a job did to one of the things that it went through."""

    job = ObjectIdField(required=True)
    name = StringField(required=True)
    result = StringField(required=True)
    at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "job_items",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["job", "_id"]},
            {"fields": ["at"], "expireAfterSeconds": 31 * 24 * 3600},
        ],
    }
