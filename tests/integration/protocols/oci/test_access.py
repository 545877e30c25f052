"""Who may do what, and how they are told to sign in."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from app.auth import password_changes, secrets
from app.auth.principal import ClientInfo, TokenLimits
from app.models import OrganizationRole, Package, Repository
from tests.integration.protocols.oci.conftest import Oci, an_image, code_of, sha256
from tests.world import PASSWORD

if TYPE_CHECKING:
    from tests.acme import Acme
    from tests.world import World

SERVICE = 'realm="http://localhost/v2/token",service="localhost"'


def basic(username: str, password: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def challenge(answer: Any) -> str:
    assert code_of(answer) == (401, "UNAUTHORIZED")
    assert answer.headers["Docker-Distribution-API-Version"] == "registry/2.0"
    assert len(answer.headers.getlist("WWW-Authenticate")) == 1
    found: str = answer.headers["WWW-Authenticate"]
    return found


def test_the_ping_always_asks_who_is_not_known(oci_as: Any, acme: Acme) -> None:
    assert acme
    nobody = oci_as()
    assert challenge(nobody.request("GET", "")) == f"Bearer {SERVICE}"
    assert challenge(nobody.request("GET", "/v2")) == f"Bearer {SERVICE}"


def test_the_ping_says_yes_to_who_is(oci: Oci) -> None:
    answer = oci.request("GET", "")
    assert (answer.status_code, answer.get_json()) == (200, {})
    assert answer.headers["Docker-Distribution-API-Version"] == "registry/2.0"
    assert oci.request("HEAD", "").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "acme/app/manifests/1", "repository:acme/app:pull"),
        ("HEAD", "acme/app/blobs/sha256:" + "0" * 64, "repository:acme/app:pull"),
        ("GET", "acme/no/such/tags/list", "repository:acme/no/such:pull"),
        ("GET", "nobody/app/tags/list", "repository:nobody/app:pull"),
        ("POST", "acme/app/blobs/uploads/", "repository:acme/app:pull,push"),
        ("PATCH", "acme/app/blobs/uploads/some-id", "repository:acme/app:pull,push"),
        ("GET", "acme/app/blobs/uploads/some-id", "repository:acme/app:pull,push"),
        ("DELETE", "acme/app/blobs/uploads/some-id", "repository:acme/app:pull,push"),
        ("PUT", "acme/app/manifests/1", "repository:acme/app:pull,push"),
        ("DELETE", "acme/app/manifests/1", "repository:acme/app:delete"),
        ("GET", "_catalog", "registry:catalog:*"),
        ("GET", "acme/blobs/uploads/x/manifests/1", "repository:acme/blobs/uploads/x:pull"),
    ],
)
def test_a_refusal_names_the_scope_that_is_needed(
    oci_as: Any, acme: Acme, method: str, path: str, scope: str
) -> None:
    assert acme
    answer = oci_as().request(method, path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == f'Bearer {SERVICE},scope="{scope}"'
    assert answer.headers["Cache-Control"] == "no-store"


def test_anybody_pulls_what_is_public_and_cannot_tell_what_else_is_there(
    oci_as: Any, acme: Acme, oci: Oci
) -> None:
    image = an_image()
    oci_as(acme.owner, "acme/pub/app").push(image, "1")
    oci.push(image, "1")
    nobody = oci_as(name="acme/pub/app")
    assert nobody.get("manifests/1").get_data() == image.manifest
    assert nobody.get(f"blobs/{sha256(image.blobs[0])}").status_code == 200
    assert code_of(nobody.get("manifests/none")) == (404, "MANIFEST_UNKNOWN")
    for name in ("acme/app", "acme/none", "acme/pub/none", "none/none"):
        challenge(nobody.named(name).get("manifests/1"))


def test_a_bearer_for_nobody_pulls_what_is_public(oci_as: Any, acme: Acme) -> None:
    image = an_image()
    oci_as(acme.owner, "acme/pub/app").push(image, "1")
    nobody = oci_as(name="acme/pub/app").bearer("repository:acme/pub/app:pull")
    assert nobody.get("manifests/1").get_data() == image.manifest
    assert nobody.request("GET", "").status_code == 200
    challenge(nobody.named("acme/app").get("manifests/1"))
    challenge(nobody.request("POST", "acme/pub/app/blobs/uploads/"))


DENIED = (403, "DENIED")
DONE = (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("owner", {"read": 200, "write": 202, "delete": DONE}),
        ("maintainer", {"read": 200, "write": 202, "delete": DONE}),
        ("developer", {"read": 200, "write": 202, "delete": DENIED}),
        ("reader", {"read": 200, "write": DENIED, "delete": DENIED}),
        ("outsider", {"read": (404, "NAME_UNKNOWN"), "write": DENIED, "delete": DENIED}),
    ],
)
def test_what_each_role_may(oci: Oci, acme: Acme, who: str, expected: dict[str, Any]) -> None:
    oci.push(an_image(), "1")
    directly = Oci(oci.client, getattr(acme, who).bearer)
    for caller in (directly.bearer("repository:acme/app:pull,push,delete"), directly):
        answers = {
            "read": caller.get("manifests/1"),
            "write": caller.request("POST", "acme/app/blobs/uploads/"),
            "delete": caller.delete(f"manifests/sha256:{'0' * 64}"),
        }
        assert {
            verb: answer.status_code if answer.status_code < 300 else code_of(answer)
            for verb, answer in answers.items()
        } == expected


def test_who_may_not_read_cannot_tell_a_package_from_none(
    oci: Oci, oci_as: Any, acme: Acme
) -> None:
    oci.push(an_image(), "1")
    outsider = oci_as(acme.outsider)
    for name in ("acme/app", "acme/none", "nobody/app"):
        asked = outsider.named(name)
        assert code_of(asked.get("tags/list")) == (404, "NAME_UNKNOWN")
        assert code_of(asked.request("POST", f"{name}/blobs/uploads/")) == (403, "DENIED")
        assert code_of(asked.delete("manifests/1")) == (403, "DENIED")


def test_what_is_not_there_is_unknown_to_who_may_read(oci: Oci) -> None:
    oci.push(an_image(), "1")
    assert code_of(oci.named("acme/none").get("tags/list")) == (404, "NAME_UNKNOWN")
    assert code_of(oci.named("acme/none").get("manifests/1")) == (404, "NAME_UNKNOWN")
    assert code_of(oci.named("acme/none").delete("manifests/1")) == (404, "NAME_UNKNOWN")
    assert code_of(oci.get("manifests/none")) == (404, "MANIFEST_UNKNOWN")


def test_the_first_push_makes_a_repository_for_who_administers_the_organization(
    world: World, oci_as: Any
) -> None:
    owner, member = world.person("anna"), world.person("bert")
    world.organization("gamma", owner)
    world.member("gamma", owner, member, OrganizationRole.MEMBER)
    asked = oci_as(member, "gamma/app").request("POST", "gamma/app/blobs/uploads/")
    assert code_of(asked) == (403, "DENIED")
    assert Repository.objects.count() == 0
    caller = oci_as(owner, "gamma/app")
    assert caller.referrers("sha256:" + "0" * 64) == []
    assert code_of(caller.get("tags/list")) == (404, "NAME_UNKNOWN")
    assert Repository.objects.count() == 0
    caller.push(an_image(), "1")
    made = Repository.objects.get()
    assert (made.name, made.protocol, made.visibility) == ("oci", "oci", "private")


def test_a_package_goes_to_the_repository_that_its_name_says(oci_as: Any, acme: Acme) -> None:
    caller = oci_as(acme.owner)
    for name in ("acme/app", "acme/pub/app", "acme/pub", "acme/else/app"):
        caller.named(name).push(an_image(), "1")
    names = {one.id: one.name for one in Repository.objects}
    placed = {one.name: names[one.repository.id] for one in Package.objects}
    assert placed == {"app": "oci", "pub/app": "pub", "pub": "oci", "else/app": "oci"}


def test_what_cannot_be_pushed_makes_no_package(oci: Oci) -> None:
    new = oci.named("acme/new")
    new.request("PATCH", "acme/new/blobs/uploads/some-id", b"x")
    new.request("PUT", f"acme/new/blobs/uploads/some-id?digest={sha256(b'')}")
    assert code_of(new.put_manifest(an_image(), "1")) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert code_of(new.request("PUT", "acme/new/manifests/1", b"x")) == (400, "MANIFEST_INVALID")
    assert code_of(new.get("tags/list")) == (404, "NAME_UNKNOWN")
    assert Package.objects.count() == 0


def test_a_repository_is_not_made_where_it_would_take_a_package_from_another(
    oci: Oci, world: World, acme: Acme
) -> None:
    oci.named("acme/web/app").push(an_image(), "1")
    client = world.app.test_client()
    asked = client.post(
        "/api/v1/organizations/acme/repositories",
        json={"name": "web", "protocol": "oci"},
        headers=acme.owner.bearer,
    )
    assert asked.status_code == 409
    renamed = client.patch(
        f"/api/v1/repositories/{acme.repository}", json={"name": "web"}, headers=acme.owner.bearer
    )
    assert renamed.status_code == 409


# Tokens.


@pytest.mark.parametrize(
    ("scheme", "username", "secret"),
    [
        ("Basic", "olivia@packhouse.test", PASSWORD),
        ("Basic", "olivia", PASSWORD),
        ("Basic", "olivia", None),
        ("Basic", "oauth2accesstoken", None),
        ("Basic", "x", None),
        ("Bearer", "", None),
    ],
    ids=["email", "username", "username-token", "anything-token", "x-token", "bearer-token"],
)
def test_every_form_of_credentials_works_directly_and_at_the_token_endpoint(
    oci: Oci, acme: Acme, scheme: str, username: str, secret: str | None
) -> None:
    headers = (
        acme.owner.bearer if scheme == "Bearer" else basic(username, secret or acme.owner.token)
    )
    caller = Oci(oci.client, headers)
    image = an_image()
    caller.push(image, "1")
    by_bearer = caller.bearer("repository:acme/app:pull")
    assert by_bearer.get("manifests/1").get_data() == image.manifest


def test_a_token_answer_has_what_clients_read(oci: Oci) -> None:
    answer = oci.client.get(
        "/v2/token?service=x&account=somebody%40else&scope=repository:acme/app:pull",
        headers=oci.headers,
    )
    body = answer.get_json()
    assert body["token"] == body["access_token"]
    assert body["expires_in"] == 900
    assert time.strptime(body["issued_at"], "%Y-%m-%dT%H:%M:%SZ")
    assert "refresh_token" not in body
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(body["token"]) < 4096


def test_a_login_without_a_scope_only_checks_the_credentials(oci: Oci) -> None:
    assert oci.bearer().request("GET", "").status_code == 200
    wrong = oci.client.get("/v2/token", headers=basic("olivia", "wrong"))
    assert code_of(wrong) == (401, "UNAUTHORIZED")
    assert wrong.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("scopes", "may"),
    [
        (["repository:acme/app:pull"], {"pull"}),
        (["repository:acme/app:push,pull"], {"pull", "push"}),
        (["repository:acme/app:*"], {"pull", "push", "delete"}),
        (["repository(plugin):acme/app:pull"], {"pull"}),
        (["repository:acme/app:pull repository:acme/app:pull,push"], {"pull", "push"}),
        (["repository:acme/app:pull", "repository:acme/other:push"], {"pull"}),
        (["*"], set()),
        ([""], set()),
        (["repository:acme/app"], set()),
        (["repository:localhost:5000/acme/app:pull"], set()),
        (["registry:catalog:*", "rubbish", "aws:x:y"], set()),
    ],
)
def test_a_bearer_is_for_what_was_asked(oci: Oci, scopes: list[str], may: set[str]) -> None:
    oci.push(an_image(), "1")
    caller = oci.bearer(*scopes)

    def is_let(answer: Any) -> bool:
        if answer.status_code == 401:
            assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
            return False
        return True

    assert is_let(caller.get("manifests/1")) == ("pull" in may)
    assert is_let(caller.request("POST", "acme/app/blobs/uploads/")) == ("push" in may)
    assert is_let(caller.delete("manifests/1")) == ("delete" in may)


def test_the_catalog_needs_its_own_scope(oci: Oci) -> None:
    assert oci.bearer("registry:catalog:*").request("GET", "_catalog").status_code == 200
    refused = oci.bearer("repository:acme/app:pull").request("GET", "_catalog")
    assert 'error="insufficient_scope"' in challenge(refused)


def test_what_the_caller_may_not_is_not_granted(oci: Oci, oci_as: Any, acme: Acme) -> None:
    oci.push(an_image(), "1")
    reader = oci_as(acme.reader).bearer("repository:acme/app:pull,push,delete")
    assert reader.get("manifests/1").status_code == 200
    assert code_of(reader.request("POST", "acme/app/blobs/uploads/")) == (403, "DENIED")


def post_token(oci: Oci, **form: str) -> Any:
    return oci.client.post("/v2/token", data=form)


def test_containerd_gets_its_token_by_post(oci: Oci, acme: Acme) -> None:
    oci.push(an_image(), "1")
    answer = post_token(
        oci,
        grant_type="password",
        username="rita",
        password=acme.reader.token,
        service="localhost",
        client_id="containerd-client",
        scope="repository:acme/app:pull repository:acme/app:pull,push",
    )
    body = answer.get_json()
    assert body["scope"] == "repository:acme/app:pull"
    bearer = Oci(oci.client, {"Authorization": f"Bearer {body['access_token']}"})
    assert bearer.get("manifests/1").status_code == 200


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"grant_type": "password", "username": "rita", "password": "wrong"}, 401),
        ({"grant_type": "password"}, 401),
        ({"grant_type": "refresh_token", "refresh_token": "rubbish"}, 401),
        ({"grant_type": "refresh_token", "refresh_token": "srg_rubbish"}, 401),
        ({"grant_type": "authorization_code"}, 400),
        ({}, 400),
    ],
    ids=str,
)
def test_posts_that_get_no_token(oci: Oci, form: dict[str, str], status: int) -> None:
    answer = post_token(oci, **form)
    assert answer.status_code == status
    assert answer.get_json()["errors"][0]["message"]


def test_an_identity_token_may_be_an_api_token(oci: Oci, acme: Acme) -> None:
    answer = post_token(oci, grant_type="refresh_token", refresh_token=acme.owner.token)
    assert answer.status_code == 200


def test_a_bearer_dies_with_the_api_token_that_it_was_given_for(
    oci: Oci, world: World, acme: Acme
) -> None:
    oci.push(an_image(), "1")
    bearer = oci.bearer("repository:acme/app:pull")
    for _ in range(2):
        assert bearer.get("manifests/1").status_code == 200
    world.revoke_token(acme.maintainer)
    assert 'error="invalid_token"' in challenge(bearer.get("manifests/1"))


def test_a_bearer_dies_with_the_password_that_it_was_given_for(
    oci_as: Any, world: World, acme: Acme
) -> None:
    caller = Oci(oci_as().client, basic("olivia", PASSWORD))
    caller.push(an_image(), "1")
    bearer = caller.bearer("repository:acme/app:pull")
    for _ in range(2):
        assert bearer.get("manifests/1").status_code == 200
    with world.context():
        password_changes.change_password(
            acme.owner.principal, PASSWORD, "another long passphrase", ClientInfo()
        )
    challenge(bearer.get("manifests/1"))


def test_a_bearer_is_no_more_than_the_role_that_is_left(
    oci: Oci, oci_as: Any, world: World, acme: Acme
) -> None:
    oci.push(an_image(), "1")
    bearer = oci_as(acme.reader).bearer("repository:acme/app:pull")
    assert bearer.get("manifests/1").status_code == 200
    world.revoke(acme.repository, acme.owner, acme.reader)
    assert code_of(bearer.get("manifests/1")) == (404, "NAME_UNKNOWN")


def test_a_bearer_is_good_for_nothing_else(oci: Oci) -> None:
    bearer = oci.bearer("repository:acme/app:pull,push,delete")
    for path in ("/api/v1/auth/me", "/npm/-/whoami"):
        assert bearer.client.get(path, headers=bearer.headers).status_code == 401
    assert bearer.client.get("/v2/token", headers=bearer.headers).status_code == 401


def test_limits_of_an_api_token_hold_for_its_bearers(
    oci: Oci, world: World, acme: Acme, oci_as: Any
) -> None:
    oci.push(an_image(), "1")
    only_read = world.with_token(acme.maintainer.user, TokenLimits(actions=frozenset({"read"})))
    only_npm = world.with_token(acme.maintainer.user, TokenLimits(protocols=frozenset({"npm"})))
    bearer = oci_as(only_read).bearer("repository:acme/app:pull,push")
    assert bearer.get("manifests/1").status_code == 200
    assert code_of(bearer.request("POST", "acme/app/blobs/uploads/")) == (403, "DENIED")
    assert code_of(oci_as(only_npm).bearer().request("GET", "")) == (403, "DENIED")
    refused = oci_as(only_npm).get("manifests/1")
    assert code_of(refused) == (403, "DENIED")
    assert "limited to npm" in refused.get_json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "changed",
    [
        {"alg": "none"},
        {"key": "wrong"},
        {"aud": "somebody else"},
        {"iss": "somebody else"},
        {"exp": 1},
        {"without": "exp"},
    ],
    ids=str,
)
def test_a_forged_or_old_bearer_is_refused(oci: Oci, world: World, changed: dict[str, Any]) -> None:
    oci.push(an_image(), "1")
    good = oci.bearer("repository:acme/app:pull").headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(good, options={"verify_signature": False})
    with world.context():
        key = secrets.derived_key("scoped bearer")
    claims.update({name: value for name, value in changed.items() if name in claims})
    claims.pop(changed.get("without", ""), None)
    if changed.get("key"):
        key = b"x" * 32
    algorithm = changed.get("alg", "HS256")
    forged = jwt.encode(claims, None if algorithm == "none" else key, algorithm=algorithm)
    caller = Oci(oci.client, {"Authorization": f"Bearer {forged}"})
    assert 'error="invalid_token"' in challenge(caller.get("manifests/1"))


@pytest.mark.parametrize(
    "value", ["Basic !!!", "Basic bm8gY29sb24=", "Digest x=y", "Bearer a b", ""]
)
def test_credentials_that_cannot_be_read_are_refused_on_public_data_too(
    oci_as: Any, acme: Acme, value: str
) -> None:
    oci_as(acme.owner, "acme/pub/app").push(an_image(), "1")
    caller = Oci(oci_as().client, {"Authorization": value}, "acme/pub/app")
    challenge(caller.get("manifests/1"))
