"""``/jobs``: long work that goes on after the request that asked for it."""

from __future__ import annotations

from marshmallow import fields, validate

from app.api.resource import Resource
from app.api.schemas import Moment, PageQuery, Strict
from app.auth.current import current_principal
from app.models import JobState
from app.registry import background
from app.registry.background import JobFilter, JobItemView, JobView
from app.registry.listing import Page, PageRequest

resource = Resource(
    "jobs", "Long work: your own, and everybody's for platform admins. Kept for a month."
)


class JobsQuery(PageQuery):
    """Which jobs are wanted."""

    makes = JobFilter

    state = fields.String(
        load_default="",
        validate=validate.OneOf(list(JobState)),
        metadata={"description": "How far they are."},
    )


class JobTargetSchema(Strict):
    """What a job is done to."""

    type = fields.String(required=True)
    id = fields.String(required=True)
    name = fields.String(required=True)


class JobProgressSchema(Strict):
    """How far a job is."""

    done = fields.Integer(required=True)
    total = fields.Integer(
        required=True, metadata={"description": "As counted when it was asked for."}
    )


class JobErrorSchema(Strict):
    """Why a job failed."""

    code = fields.String(required=True)
    detail = fields.String(required=True)


class JobSchema(Strict):
    """A job."""

    id = fields.String(required=True)
    kind = fields.String(
        required=True, metadata={"description": "`repository.delete`, `organization.delete`."}
    )
    state = fields.Enum(JobState, by_value=True, required=True)
    target = fields.Nested(JobTargetSchema, required=True)
    created_by = fields.String(required=True, metadata={"description": "A username."})
    progress = fields.Nested(JobProgressSchema, required=True)
    cancel_requested = fields.Boolean(required=True)
    error = fields.Nested(JobErrorSchema, required=True, allow_none=True)
    created_at = Moment(required=True)
    started_at = Moment(required=True, allow_none=True)
    finished_at = Moment(required=True, allow_none=True)


class JobItemSchema(Strict):
    """What became of one of the things that a job went through."""

    name = fields.String(required=True)
    result = fields.String(required=True)
    at = Moment(required=True)


@resource.list("/jobs", item=JobSchema, query=JobsQuery)
def list_jobs(page: PageRequest, wanted: JobFilter) -> Page[JobView]:
    """List your jobs, the newest first; for platform admins, everybody's."""
    return background.list_jobs(current_principal(), wanted, page)


@resource.read("/jobs/<job>", answer=JobSchema)
def get_job(job: str) -> JobView:
    """Get a job, and see how far it is."""
    return background.get_job(current_principal(), job)


@resource.list("/jobs/<job>/items", item=JobItemSchema)
def list_job_items(page: PageRequest, job: str) -> Page[JobItemView]:
    """List what a job has done so far, in order."""
    return background.list_items(current_principal(), job, page)


@resource.command("/jobs/<job>/cancel", answer=JobSchema)
def cancel_job(job: str) -> JobView:
    """Have a job stop at its next step; what it has done stays done."""
    return background.cancel_job(current_principal(), job)
