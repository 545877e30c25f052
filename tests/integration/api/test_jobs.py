"""``/jobs``: what goes on after the request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from app.models import Job, Package, Repository
from app.models.rows import rows_of
from app.registry import background, cascading
from tests.api_client import code_of, pointers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from app.registry.background import RunningJob
    from tests.api_client import ApiClient
    from tests.world import Person

CASCADE = "/organizations/acme?cascade=true"
PACKAGES = 250


@pytest.fixture
def filled(app: Flask, publish: Callable[..., None]) -> int:
    """``acme`` with so many packages that a deletion takes several steps."""
    publish("@acme/thing")
    with app.app_context():
        row = rows_of(Package).find_one({}) or {}
        rows_of(Package).insert_many(
            {**row, "_id": ObjectId(), "name": f"@acme/{number}", "display_name": f"@acme/{number}"}
            for number in range(PACKAGES - 1)
        )
    return PACKAGES


def test_a_deletion_that_takes_long_is_a_job_that_tells_how_far_it_is(
    api: ApiClient, alice: Person, filled: int, work: Callable[[], None]
) -> None:
    client = api.as_(alice)
    begun = client.delete(CASCADE)
    assert begun.status_code == 202
    job = begun.get_json()
    assert begun.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["state"], job["kind"], job["created_by"]) == (
        *("queued", "organization.delete", "alice"),
    )
    assert job["progress"] == {"done": 0, "total": filled}
    assert job["target"]["name"] == "acme"
    assert client.read("/organizations/acme")["slug"] == "acme"
    work()
    ended = client.read(f"/jobs/{job['id']}")
    assert (ended["state"], ended["progress"]["done"], ended["error"]) == (
        *("succeeded", filled, None),
    )
    assert ended["created_at"] <= ended["started_at"] <= ended["finished_at"]
    assert client.get("/organizations/acme").status_code == 404
    items = client.read(f"/jobs/{job['id']}/items?limit=500")["items"]
    assert len({one["name"] for one in items}) == len(items) == filled
    assert {one["result"] for one in items} == {"deleted"}


def test_what_is_being_deleted_is_not_deleted_twice(
    api: ApiClient, alice: Person, root: Person, filled: int
) -> None:
    del filled
    first = api.as_(alice).delete(CASCADE).get_json()
    assert api.as_(root).delete(CASCADE).get_json()["id"] == first["id"]


def test_a_job_that_is_cancelled_keeps_what_it_has_done(
    api: ApiClient, app: Flask, alice: Person, filled: int, work: Callable[[], None]
) -> None:
    client = api.as_(alice)
    job = client.delete(CASCADE).get_json()["id"]
    steps: list[RunningJob] = []

    def one_step_and_cancel(running: RunningJob) -> None:
        checkpoint = running.checkpoint
        steps.append(running)

        def cancelled_meanwhile() -> None:
            assert client.post(f"/jobs/{job}/cancel").get_json()["cancel_requested"]
            checkpoint()

        running.checkpoint = cancelled_meanwhile  # type: ignore[method-assign]  # between two steps
        cascading.WORK["organization.delete"](running)

    with app.app_context():
        background.run_due({"organization.delete": one_step_and_cancel}, seconds=60)
    ended = client.read(f"/jobs/{job}")
    assert (ended["state"], ended["progress"]) == ("cancelled", {"done": 100, "total": filled})
    assert len(client.items("/packages?limit=500")) == filled - 100
    work()
    assert client.read(f"/jobs/{job}") == ended
    assert code_of(client.post(f"/jobs/{job}/cancel")) == "conflict"
    again = client.delete(CASCADE).get_json()
    assert (again["id"] == job, again["progress"]["total"]) == (False, filled - 100)


def test_a_job_whose_worker_died_is_taken_up_by_another(
    api: ApiClient, app: Flask, alice: Person, filled: int, work: Callable[[], None]
) -> None:
    client = api.as_(alice)
    job = client.delete(CASCADE).get_json()["id"]

    def die(running: RunningJob) -> None:
        def killed() -> None:
            raise KeyboardInterrupt

        running.checkpoint = killed  # type: ignore[method-assign]  # after the first step
        cascading.WORK["organization.delete"](running)

    with app.app_context(), pytest.raises(KeyboardInterrupt):
        background.run_due({"organization.delete": die}, seconds=60)
    work()
    still = client.read(f"/jobs/{job}")
    assert (still["state"], still["progress"]["done"]) == ("running", 100)
    with app.app_context():  # its lease ends by itself
        rows_of(Job).update_one({}, {"$set": {"lease_until": datetime.now(UTC)}})
    work()
    ended = client.read(f"/jobs/{job}")
    assert (ended["state"], ended["progress"]["done"]) == ("succeeded", filled)


def test_a_worker_that_lost_its_lease_stops(
    api: ApiClient, app: Flask, alice: Person, filled: int, work: Callable[[], None]
) -> None:
    del filled
    client = api.as_(alice)
    job = client.delete(CASCADE).get_json()["id"]

    def suspended(running: RunningJob) -> None:
        later = datetime.now(UTC) + timedelta(seconds=1)
        rows_of(Job).update_one({}, {"$set": {"lease_until": later}})  # another took it
        running.checkpoint()
        pytest.fail("it went on")

    with app.app_context():
        background.run_due({"organization.delete": suspended}, seconds=0.1)
        assert client.read(f"/jobs/{job}")["state"] == "running"
        rows_of(Job).update_one({}, {"$set": {"lease_until": datetime.now(UTC)}})
    work()
    assert client.read(f"/jobs/{job}")["state"] == "succeeded"


def test_a_job_that_breaks_off_says_so(
    api: ApiClient, app: Flask, alice: Person, filled: int
) -> None:
    del filled
    client = api.as_(alice)
    job = client.delete(CASCADE).get_json()["id"]

    def broken(_running: RunningJob) -> None:
        raise ZeroDivisionError

    with app.app_context():
        background.run_due({"organization.delete": broken}, seconds=60)
    ended = client.read(f"/jobs/{job}")
    assert (ended["state"], ended["error"]["code"]) == ("failed", "internal_error")
    assert "worker's log" in ended["error"]["detail"]


def test_the_audit_tells_who_asked_for_it_and_in_which_request(
    api: ApiClient,
    alice: Person,
    filled: int,
    work: Callable[[], None],
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    begun = api.as_(alice).delete(CASCADE)
    work()
    events = [*recorded("package.delete"), *recorded("organization.delete")]
    assert len(events) == filled + 1
    assert {one["actor"]["name"] for one in events} == {"alice"}
    assert {one["request_id"] for one in events} == {begun.headers["X-Request-Id"]}


def test_jobs_are_shown_to_who_asked_for_them_and_platform_admins(
    api: ApiClient, people: dict[str, Person | None], filled: int
) -> None:
    del filled
    job = api.as_(people["owner"]).delete(CASCADE).get_json()["id"]
    for path in (f"/jobs/{job}", f"/jobs/{job}/items"):
        found = {who: api.as_(one).get(path).status_code for who, one in people.items()}
        assert found == {
            **dict.fromkeys(("stranger", "member", "admin"), 404),
            "nobody": 401,
            "owner": 200,
            "root": 200,
        }
    listed = {who: len(api.as_(one).items("/jobs")) for who, one in people.items() if one}
    assert listed == {"stranger": 0, "member": 0, "admin": 0, "owner": 1, "root": 1}
    assert api.as_(None).get("/jobs").status_code == 401
    refused = {
        who: api.as_(one).post(f"/jobs/{job}/cancel").status_code for who, one in people.items()
    }
    assert refused == {
        **dict.fromkeys(("stranger", "member", "admin"), 404),
        "nobody": 401,
        "owner": 200,
        "root": 200,
    }
    client = api.as_(people["root"])
    assert [one["id"] for one in client.items("/jobs?state=queued")] == [job]
    assert client.items("/jobs?state=failed") == []
    assert pointers_of(client.get("/jobs?state=lost")) == {"/state"}
    assert client.get("/jobs/nonsense").status_code == 404


def test_what_is_published_while_it_is_deleted_is_deleted_too(
    api: ApiClient,
    app: Flask,
    alice: Person,
    publish: Callable[..., None],
    work: Callable[[], None],
) -> None:
    publish("@acme/thing")
    client = api.as_(alice)
    job = client.delete(CASCADE).get_json()["id"]
    publish("@acme/late")
    work()
    ended = client.read(f"/jobs/{job}")
    assert (ended["state"], ended["progress"]) == ("succeeded", {"done": 2, "total": 1})
    with app.app_context():
        assert Repository.objects.count() == 0
        assert {one.display_name for one in Package.objects(deleted_at__ne=None)} == {
            "@acme/thing",
            "@acme/late",
        }


def test_what_others_have_deleted_before_it_began_is_no_failure(
    api: ApiClient, alice: Person, publish: Callable[..., None], work: Callable[[], None]
) -> None:
    publish("@acme/thing")
    client = api.as_(alice)
    job = client.delete(CASCADE).get_json()["id"]
    (package,) = client.items("/packages")
    assert client.delete(f"/packages/{package['id']}").status_code == 204
    assert client.delete(CASCADE).get_json() is None
    work()
    ended = client.read(f"/jobs/{job}")
    assert (ended["state"], ended["progress"]["done"]) == ("succeeded", 0)
