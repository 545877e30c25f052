from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from app.protocols.npm.format import FORMAT
from app.registry import formats
from tests.api_client import ApiClient, code_of, pointers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.world import Person


def test_a_package_is_found_by_id_name_and_purl(
    api: ApiClient, alice: Person, acme: str, publish: Callable[..., None]
) -> None:
    publish("@acme/thing", "1.0.0", keywords=["rockets"])
    publish("@acme/thing", "1.1.0-rc.1", tag="next")
    client = api.as_(alice)
    (found,) = client.items("/packages")
    assert found["name"] == "@acme/thing"
    assert (found["organization"], found["organization_id"]) == ("acme", acme)
    assert (found["protocol"], found["repository"]) == ("npm", "npm")
    assert found["latest_version"] == "1.0.0"
    assert found["tags"] == {"latest": "1.0.0", "next": "1.1.0-rc.1"}
    assert [one["username"] for one in found["owners"]] == ["alice"]
    assert client.read(f"/packages/{found['id']}") == found
    assert client.read(f"/packages/by-name/npm/acme/{quote('@acme/thing', safe='')}") == found
    assert client.read(f"/packages/by-name/npm/{acme}/@acme/thing") == found
    assert client.get("/packages/by-name/npm/acme/@acme/nothing").status_code == 404
    for purl in ("pkg:npm/%40acme/thing", "pkg:npm/%40acme%2Fthing@1.0.0?x=y#z"):
        assert client.items(f"/packages?purl={quote(purl)}") == [found]
    assert client.items("/packages?purl=pkg:maven/org.acme/thing") == []
    assert client.items("/packages?purl=nonsense") == []


def test_packages_are_searched_filtered_and_sorted(
    api: ApiClient, alice: Person, publish: Callable[..., None]
) -> None:
    publish("@acme/beta", keywords=["rockets"])
    publish("@acme/alpha", description="About Rockets and fuel")
    publish("@acme/gamma")
    client = api.as_(alice)
    (repository,) = client.items("/organizations/acme/repositories")

    def names(query: str) -> list[str]:
        return [one["name"].removeprefix("@acme/") for one in client.items(f"/packages?{query}")]

    assert names("") == ["alpha", "beta", "gamma"]
    assert names("sort=-name") == ["gamma", "beta", "alpha"]
    assert names("sort=updated_at") == ["beta", "alpha", "gamma"]
    assert names("q=rockets") == ["alpha", "beta"]
    assert names("q=GAM") == ["gamma"]
    assert names("q=@acme/gam") == names("q=acme-gamma") == ["gamma"]
    assert names("q=fuel rocket") == []  # a beginning is enough of names only
    assert names("q=fuel al") == ["alpha"]
    assert names("q=amm") == names("q=.*") == []
    assert names("q=rockets&sort=updated_at") == ["beta", "alpha"]
    assert names("protocol=npm&org=acme") == ["alpha", "beta", "gamma"]
    assert names(f"repository={repository['id']}&limit=1") == ["alpha"]
    assert names("repository=npm&org=acme&q=beta") == ["beta"]
    assert names("repository=other&org=acme") == []
    assert names("protocol=pypi") == names("org=nobody") == []
    assert pointers_of(client.get("/packages?sort=stars")) == {"/sort"}
    assert pointers_of(client.get("/packages?colour=red")) == {"/colour"}


def test_packages_are_shown_to_who_may_read_them(
    api: ApiClient,
    people: dict[str, Person | None],
    alice: Person,
    publish: Callable[..., None],
) -> None:
    publish("@acme/thing")
    (package,) = api.as_(alice).items("/packages")
    path = f"/packages/{package['id']}"
    paths = [path, f"{path}/versions", f"{path}/versions/1.0.0", f"{path}/versions/1.0.0/files"]
    answers = {
        who: {api.as_(person).get(one).status_code for one in paths}
        for who, person in people.items()
    }
    listed = {who: len(api.as_(person).items("/packages")) for who, person in people.items()}
    deleted = {
        who: api.as_(person).delete(f"{path}/versions/1.0.0").status_code
        for who, person in people.items()
    }
    assert answers == {
        "nobody": {401},
        "stranger": {404},
        "member": {404},
        "admin": {200},
        "owner": {200},
        "root": {200},
    }
    assert list(listed.values()) == [0, 0, 0, 1, 1, 1]
    assert list(deleted.values()) == [401, 404, 404, 204, 404, 404]


def test_a_version_shows_its_files_readme_and_dependencies(
    api: ApiClient, alice: Person, publish: Callable[..., None]
) -> None:
    needs = {
        "dependencies": {"left-pad": "^1.3.0", "maybe": "1"},
        "optionalDependencies": {"maybe": "1"},
        "peerDependencies": {"react": ">=18", "vue": "3"},
        "peerDependenciesMeta": {"vue": {"optional": True}},
        "devDependencies": {"jest": "*"},
    }
    publish("@acme/thing", "1.0.0", **needs)
    publish("@acme/thing", "1.1.0")
    client = api.as_(alice)
    path = f"/packages/{client.items('/packages')[0]['id']}/versions"
    assert [one["number"] for one in client.items(path)] == ["1.1.0", "1.0.0"]
    version = client.read(f"{path}/1.0.0")
    assert version["published_by"]["username"] == "alice"
    assert not version["is_yanked"]
    (file,) = client.items(f"{path}/1.0.0/files")
    assert file["filename"].endswith(".tgz")
    assert file["size_bytes"] == version["size_bytes"] > 0
    assert len(file["sha256"]) == 64
    assert client.read(f"{path}/1.0.0/readme") == {"text": "# hi\n"}
    dependencies = {
        (one["kind"], one["name"]): (one["requirement"], one["is_optional"])
        for one in client.items(f"{path}/1.0.0/dependencies")
    }
    assert dependencies == {
        ("dependencies", "left-pad"): ("^1.3.0", False),
        ("devDependencies", "jest"): ("*", False),
        ("optionalDependencies", "maybe"): ("1", True),
        ("peerDependencies", "react"): (">=18", False),
        ("peerDependencies", "vue"): ("3", True),
    }
    assert client.get(f"{path}/9.9.9").status_code == 404
    assert client.get(f"{path}/9.9.9/readme").status_code == 404


def test_a_deleted_version_is_gone_for_npm_too_and_its_number_stays_taken(
    api: ApiClient, app: Flask, alice: Person, publish: Callable[..., None]
) -> None:
    publish("@acme/thing", "1.0.0")
    publish("@acme/thing", "1.1.0")
    client = api.as_(alice)
    path = f"/packages/{client.items('/packages')[0]['id']}"
    stale = client.get(f"{path}/versions/1.1.0").headers["ETag"]
    assert client.delete(f"{path}/versions/1.1.0", headers={"If-Match": '"x"'}).status_code == 412
    assert client.delete(f"{path}/versions/1.1.0", headers={"If-Match": stale}).status_code == 204
    assert client.delete(f"{path}/versions/1.1.0").status_code == 404
    assert client.read(path)["tags"] == {"latest": "1.0.0"}
    packument = app.test_client().get("/o/acme/npm/@acme/thing", headers=alice.bearer).get_json()
    assert list(packument["versions"]) == ["1.0.0"]
    with pytest.raises(AssertionError, match="previously published"):
        publish("@acme/thing", "1.1.0")


def test_a_deleted_package_leaves_its_name_to_its_organization(
    api: ApiClient,
    app: Flask,
    alice: Person,
    publish: Callable[..., None],
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    publish("@acme/thing", "1.0.0")
    client = api.as_(alice)
    path = f"/packages/{client.items('/packages')[0]['id']}"
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 404
    assert client.get(path).status_code == 404
    assert client.items("/packages") == []
    npm = app.test_client()
    assert npm.get("/o/acme/npm/@acme/thing", headers=alice.bearer).status_code == 404
    assert recorded("package.delete")[0]["resource"]["name"] == "@acme/thing"
    publish("@acme/thing", "1.0.1")
    assert client.read(path)["latest_version"] == "1.0.1"


def test_npm_packages_are_deprecated_and_not_yanked(
    api: ApiClient, alice: Person, publish: Callable[..., None]
) -> None:
    publish("@acme/thing")
    client = api.as_(alice)
    path = f"/packages/{client.items('/packages')[0]['id']}/versions/1.0.0"
    response = client.post(f"{path}/yank", {"reason": "broken"})
    assert response.status_code == 409
    assert code_of(response) == "conflict"
    assert "npm deprecate" in response.get_json()["detail"]
    assert client.post(f"{path.replace('1.0.0', '9.9.9')}/yank").status_code == 404


def test_a_format_that_yanks_does(
    api: ApiClient,
    app: Flask,
    alice: Person,
    publish: Callable[..., None],
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    publish("@acme/thing")
    yanking = formats.PackageFormat(**{**vars(FORMAT), "instead_of_yanking": ""})
    formats.install(app, [yanking])
    client = api.as_(alice)
    path = f"/packages/{client.items('/packages')[0]['id']}/versions/1.0.0"
    yanked = client.post(f"{path}/yank", {"reason": "broken"}).get_json()
    assert (yanked["is_yanked"], yanked["yank_reason"]) == (True, "broken")
    assert client.read(path) == yanked
    restored = client.post(f"{path}/unyank").get_json()
    assert (restored["is_yanked"], restored["yank_reason"]) == (False, "")
    assert recorded("package.yank")[0]["details"]["version"] == "1.0.0"
    assert len(recorded("package.unyank")) == 1
