"""Signing in and out, tokens and profiles (acceptance rows 1, 13, 14 and 15)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.clients.browser import Browser
from tests.clients.npm.managers import Bun, Npm10, Npm11, Pnpm11, Yarn1, Yarn4
from tests.clients.npm.packages import new_name, new_sources
from tests.clients.registry import Account

if TYPE_CHECKING:
    from tests.clients.npm.managers import PackageManager
    from tests.clients.npm.set_up import SetUp
    from tests.clients.registry import Registry
    from tests.npm_wire import NpmWire

pytestmark = pytest.mark.client

_TOKEN = re.compile(r"srg_[A-Za-z0-9]{20,}")


def token_in(text: str) -> str:
    """Return the one token in a text."""
    found: list[str] = list(set(_TOKEN.findall(text)))
    assert len(found) == 1
    return found[0]


def npmrc_of(client: PackageManager) -> str:
    return (client.machine.home / ".npmrc").read_text()


def test_a_client_pings_and_knows_who_it_is(maintainer: PackageManager) -> None:
    assert "PONG" in maintainer.run("ping").text
    assert maintainer.run("whoami").output.strip() == "alice"


def test_bun_knows_who_it_is(set_up: SetUp, registry: Registry) -> None:
    assert set_up(Bun, registry.people.alice).run("pm", "whoami").output.strip() == "alice"


def test_a_wrong_token_is_nobody(npm: PackageManager, registry: Registry) -> None:
    npm.configure(registry.base, "srg_" + "0" * 32)
    refused = npm.run("whoami", fails=True)
    assert refused.code == 1
    assert "E401" in refused.errors
    assert "PONG" in npm.run("ping").errors


@pytest.mark.parametrize("manager", [Npm10, Npm11, Pnpm11], ids=lambda one: one.alias)
def test_signing_in_through_the_browser(
    set_up: SetUp, manager: type[PackageManager], registry: Registry, wire: NpmWire
) -> None:
    client = set_up(manager, None)
    browser = Browser(registry.origin)
    browser.sign_in(registry.people.alice)
    with client.terminal("login") as terminal:
        page = terminal.wait_for(rf"{re.escape(registry.origin)}/ui/cli-login/[\w-]+")
        browser.decide(page[0], "approve")
        assert terminal.wait() == 0, terminal.shown
    assert client.run("whoami").output.strip() == "alice"
    config = (client.machine.home / client.sign_in_file).read_text()
    token = token_in(config)
    assert f"{registry.base.partition(':')[2]}:_authToken={token}" in config
    client.run("logout")
    signed_out = wire.request("GET", "-/whoami", headers={"Authorization": f"Bearer {token}"})
    assert signed_out.status == 401


def test_a_sign_in_that_is_turned_down_gives_no_token(set_up: SetUp, registry: Registry) -> None:
    client = set_up(Npm11, None)
    browser = Browser(registry.origin)
    browser.sign_in(registry.people.alice)
    with client.terminal("login") as terminal:
        page = terminal.wait_for(rf"{re.escape(registry.origin)}/ui/cli-login/[\w-]+")
        browser.decide(page[0], "deny")
        terminal.wait_for("Username:")  # npm takes any refusal for "not supported here".
    assert "_authToken" not in npmrc_of(client)


def test_npm_signs_in_with_a_password(npm: PackageManager, registry: Registry) -> None:
    alice = registry.people.alice
    npm.configure(registry.base, None)
    npm.converse(
        "login",
        "--auth-type=legacy",
        answers=[("sername:", alice.username), ("assword:", alice.password)],
    )
    assert npm.run("whoami").output.strip() == "alice"
    token = token_in(npmrc_of(npm))
    npm.run("logout")
    npm.configure(registry.base, token)
    assert "E401" in npm.run("whoami", fails=True).errors


def test_npm_is_told_that_the_password_is_wrong(set_up: SetUp, registry: Registry) -> None:
    npm = set_up(Npm11, None)
    with npm.terminal("login", "--auth-type=legacy") as terminal:
        terminal.wait_for("sername:")
        terminal.enter(registry.people.bob.username)
        terminal.wait_for("assword:")
        terminal.enter("not the password")
        assert terminal.wait() != 0
    assert "E401" in terminal.shown
    assert "_authToken" not in npmrc_of(npm)


def test_yarn_4_signs_in_with_a_password(set_up: SetUp, registry: Registry) -> None:
    alice = registry.people.alice
    yarn = set_up(Yarn4, None)
    yarn.converse(
        "npm",
        "login",
        answers=[("Username:", alice.username), ("Password:", alice.password)],
    )
    assert "alice" in yarn.run("npm", "whoami").output
    yarn.run("npm", "logout")
    assert "YN0033" in yarn.run("npm", "whoami", fails=True).output


def test_yarn_1_signs_in_for_one_publish(set_up: SetUp, registry: Registry, wire: NpmWire) -> None:
    alice = registry.people.alice
    yarn = set_up(Yarn1, None)
    sources = new_sources(yarn.machine, new_name())
    before = wire.request("GET", "-/npm/v1/tokens").json()["total"]
    shown = yarn.converse(
        "publish",
        "--new-version",
        "1.0.0",
        answers=[
            ("npm username:", alice.username),
            ("npm email:", "alice@packhouse.test"),
            ("npm password:", alice.password),
        ],
        cwd=sources.write("1.0.0"),
    )
    assert "Revoked login token" in shown
    assert wire.packument(sources.name).status == 200
    assert wire.request("GET", "-/npm/v1/tokens").json()["total"] == before


def test_npm_makes_lists_and_revokes_tokens(npm: PackageManager, registry: Registry) -> None:
    alice = registry.people.alice
    shown = npm.converse("token", "create", answers=[("assword:", alice.password)])
    made = token_in(shown)
    listed = npm.run("token", "list", "--json").json()
    (entry,) = [one for one in listed if made.startswith(one["token"])]
    assert made not in npm.run("token", "list").output
    npm.configure(registry.base, made)
    assert npm.run("whoami").output.strip() == "alice"
    npm.run("token", "revoke", entry["key"])
    assert "E401" in npm.run("whoami", fails=True).errors


def test_a_token_for_reading_only_does_not_publish(set_up: SetUp, registry: Registry) -> None:
    alice = registry.people.alice
    npm = set_up(Npm10, alice)
    shown = npm.converse("token", "create", "--read-only", answers=[("assword:", alice.password)])
    reader = set_up(Npm10, Account(username="alice", token=token_in(shown)))
    assert reader.run("whoami").output.strip() == "alice"
    sources = new_sources(reader.machine, new_name())
    assert "E403" in reader.publish(sources.write("1.0.0"), fails=True).errors


def test_npm_11_limits_a_token_to_packages(set_up: SetUp, registry: Registry) -> None:
    alice = registry.people.alice
    npm = set_up(Npm11, alice)
    mine = new_sources(npm.machine, new_name())
    asked = (f"--packages={mine.name}", "--packages-and-scopes-permission=read-write")
    made = npm.run("token", "create", "--name=ci", f"--password={alice.password}", *asked)
    limited = set_up(Npm11, Account(username="alice", token=token_in(made.output)))
    limited.publish(mine.write("1.0.0"))
    other = new_sources(limited.machine, new_name())
    refused = limited.publish(other.write("1.0.0"), fails=True)
    assert f"limited to the packages {mine.name}" in refused.errors


def test_npm_11_is_refused_a_token_that_would_do_more_than_asked(
    npm11: Npm11, registry: Registry
) -> None:
    asked = ("--name=ci", f"--password={registry.people.alice.password}", "--scopes=@acme")
    refused = npm11.run("token", "create", *asked, fails=True)
    assert "cannot limit a token to scopes" in refused.errors


def test_npm_shows_the_profile(npm: PackageManager) -> None:
    assert npm.run("profile", "get", "--json").json()["name"] == "alice"
    assert "email: alice@packhouse.test" in npm.run("profile", "get").output
