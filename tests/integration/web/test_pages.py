"""What people see in a browser, with and without scripts."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from app.auth import device_logins
from app.auth.principal import ClientInfo
from app.http.server.body import BodyError
from app.web.pages import REFRESH_COOKIE
from tests.world import PASSWORD

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.world import Person, World


class WrongChunks(io.RawIOBase):
    """A body whose end nobody knows."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object, /) -> int:
        raise BodyError("A chunk does not begin with its size.")


# Scripts and styles that stand in a page, which the policy would not let run.
_INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\s(?:style|on[a-z]+|hx-on[^=]*)=|javascript:")


@pytest.fixture
def alice(world: World) -> Person:
    """Owner of ``acme``."""
    person = world.person("alice")
    world.organization("acme", person)
    return person


@pytest.fixture
def browser(app: Flask, alice: Person) -> FlaskClient:
    """Alice's browser, signed in."""
    client = app.test_client()
    form = {"identifier": alice.user.username, "password": PASSWORD, "next": "/ui/"}
    assert client.post("/ui/sign-in", data=form).status_code == 303
    return client


@pytest.fixture
def login(app: Flask) -> str:
    """The page of a command-line client that waits to be signed in."""
    with app.app_context():
        client = ClientInfo(ip="198.51.100.7", user_agent="npm/11.0.0", request_id="r1")
        return f"/ui/cli-login/{device_logins.start('npm', client).public_id}"


def text_of(browser: FlaskClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def csrf_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


def test_pages_run_only_scripts_of_ours_that_are_files(browser: FlaskClient, login: str) -> None:
    for path in ("/ui/", "/ui/sign-in", login, "/ui/nothing"):
        answer = browser.get(path)
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'"} <= set(policy)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        page = answer.get_data(as_text=True)
        assert _INLINE.search(page) is None
        (script,) = re.findall(r'<script src="([^"]+)"', page)
        assert script.startswith("/ui/static/")
        with browser.get(script) as asset:
            assert asset.mimetype == "text/javascript"


def test_the_first_page_shows_the_addresses_of_ones_own_organization(browser: FlaskClient) -> None:
    page = text_of(browser, "/ui/")
    assert "registry=http://localhost/o/acme/npm/\n//localhost/o/acme/npm/:_authToken=" in page
    assert "always-auth" not in page
    assert "always-auth=true" in text_of(browser, "/ui/?client=yarn1&organization=acme")
    yarn = text_of(browser, "/ui/?client=yarn4&organization=")
    assert 'npmRegistryServer: "http://localhost/npm"' in yarn
    pip = text_of(browser, "/ui/?client=pip&organization=acme")
    index = "http://__token__:$PACKHOUSE_TOKEN@localhost/o/acme/pypi/simple/"
    # A shell's command: in pip.conf the variable would be sent as it is.
    assert f'<pre>pip config set global.index-url "{index}"</pre>' in pip
    uv = text_of(browser, "/ui/?client=uv&organization=acme")
    assert 'publish-url = "http://localhost/o/acme/pypi/legacy/"' in uv
    gem = text_of(browser, "/ui/?client=gem&organization=acme")
    assert "gem push something-1.0.0.gem --host http://localhost/o/acme/rubygems</pre>" in gem
    for shown in (page, pip, uv, gem):
        assert "<code>POST /api/v1/tokens</code>" in shown  # where a token comes from


def test_the_first_page_offers_what_one_may_know_of(
    app: Flask, world: World, browser: FlaskClient
) -> None:
    world.organization("secret", world.person("bob"))
    assert re.findall(r"<option[^>]*>([^<]+)</option>", text_of(browser, "/ui/")) == [
        "acme",
        "everything that you may read",
    ]
    unknown = browser.get("/ui/?organization=secret")
    assert (unknown.status_code, "/o/secret" in unknown.get_data(as_text=True)) == (404, False)
    assert browser.get("/ui/?client=<b>").status_code == 404
    nobody = text_of(app.test_client(), "/ui/")
    assert "/o/acme/npm/" in nobody
    assert "<select" not in nobody


def test_a_script_finds_the_part_of_the_answer_that_it_asks_for(
    browser: FlaskClient, login: str
) -> None:
    for path, part in (("/ui/", 'id="answer"'), (login, "<main>")):
        page = text_of(browser, path)
        form = re.search(r'<form[^>]*\shx-(?:get|post)="([^"]+)"[^>]*>', page)
        assert form is not None
        assert form[1] == path
        problem = browser.get("/ui/?client=none").get_data(as_text=True)
        assert (page.count(part), problem.count(part)) == (1, 1)


@pytest.mark.parametrize(("decision", "title"), [("approve", "Signed in"), ("deny", "Turned down")])
def test_a_client_is_signed_in_or_turned_down_once(
    browser: FlaskClient, login: str, decision: str, title: str
) -> None:
    form = {"csrf": csrf_in(text_of(browser, login)), "decision": decision}
    headers = {"HX-Request": "true", "Origin": "http://localhost"}
    decided = browser.post(login, data=form, headers=headers)
    assert decided.status_code == 200
    assert f"<h1>{title}</h1>" in decided.get_data(as_text=True)
    again = browser.post(login, data=form, headers=headers)
    assert again.status_code == 404
    assert "<main>" in again.get_data(as_text=True)


def test_a_client_that_is_somewhere_else_is_warned_of(browser: FlaskClient, login: str) -> None:
    page = text_of(browser, login)
    assert re.search(r'role="alert">[^<]*198\.51\.100\.7[^<]*127\.0\.0\.1', page)
    assert "does not expire" in page
    beside = browser.get(login, environ_overrides={"REMOTE_ADDR": "198.51.100.7"})
    assert beside.status_code == 200
    assert 'role="alert"' not in beside.get_data(as_text=True)


def test_another_site_approves_nothing(browser: FlaskClient, login: str) -> None:
    form = {"csrf": csrf_in(text_of(browser, login)), "decision": "approve"}
    foreign = {"Origin": "https://elsewhere.test"}
    assert browser.post(login, data=form, headers=foreign).status_code == 403
    assert browser.post(login, data={**form, "csrf": "00"}).status_code == 403
    assert "Approve" in text_of(browser, login)


def test_a_form_is_small_and_brings_no_files(app: Flask) -> None:
    client = app.test_client()
    form = {"identifier": "alice", "password": "x" * 65_000}
    assert client.post("/ui/sign-in", data=form).status_code == 401
    form["password"] += "x" * 1000
    answer = client.post("/ui/sign-in", data=form)
    assert (answer.status_code, "65536 bytes" in answer.get_data(as_text=True)) == (413, True)
    files = {"identifier": "alice", "password": PASSWORD, "file": (io.BytesIO(b"x"), "name")}
    answer = client.post("/ui/sign-in", data=files)
    assert (answer.status_code, "<main>" in answer.get_data(as_text=True)) == (415, True)


def test_a_form_in_wrong_chunks_is_the_senders_fault(app: Flask) -> None:
    answer = app.test_client().post(
        "/ui/sign-in",
        content_type="application/x-www-form-urlencoded",
        environ_overrides={
            "wsgi.input": io.BufferedReader(WrongChunks()),
            "wsgi.input_terminated": True,
        },
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("target", ["//[", "http://[::1", "//elsewhere.test/ui/", "/api/docs", ""])
def test_a_sign_in_leads_to_pages_of_ours_only(app: Flask, alice: Person, target: str) -> None:
    client = app.test_client()
    assert client.get("/ui/sign-in", query_string={"next": target}).status_code == 200
    form = {"identifier": alice.user.username, "password": PASSWORD, "next": target}
    assert client.post("/ui/sign-in", data=form).headers["Location"] == "/ui/"


def test_tabs_that_wake_up_together_stay_signed_in(app: Flask, browser: FlaskClient) -> None:
    cookie = browser.get_cookie(REFRESH_COOKIE, path="/ui")
    assert cookie is not None
    tabs = [app.test_client() for _ in range(3)]
    for tab in tabs:
        tab.set_cookie(REFRESH_COOKIE, cookie.value, path="/ui")
        assert "Sign out" in text_of(tab, "/ui/")
    for tab in tabs:
        assert "Sign out" in text_of(tab, "/ui/")


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Basic eDp5", "nonsense !"])
def test_pages_know_their_visitors_by_cookies_alone(
    app: Flask, browser: FlaskClient, authorization: str
) -> None:
    headers = {"Authorization": authorization}
    assert app.test_client().get("/ui/sign-in", headers=headers).status_code == 200
    assert browser.get("/ui/", headers=headers).status_code == 200


def test_who_guesses_too_often_is_told_how_long_to_wait(app: Flask, alice: Person) -> None:
    client = app.test_client()
    name = alice.user.username
    answers = [
        client.post("/ui/sign-in", data={"identifier": name, "password": f"wrong {number}"})
        for number in range(12)
    ]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
