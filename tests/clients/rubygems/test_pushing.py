"""Pushing, and who may (acceptance rows 1 to 5, 7, 16 and 21)."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.clients.registry import NOT_A_TOKEN
from tests.clients.rubygems.author import Author
from tests.clients.rubygems.gems import new_name
from tests.clients.rubygems.source import with_user

if TYPE_CHECKING:
    from tests.clients.registry import People
    from tests.clients.rubygems.desk import Desk
    from tests.clients.rubygems.source import Source

pytestmark = pytest.mark.client

_CROWD = 10


@pytest.fixture
def signed_in(desk: Desk, source: Source, people: People) -> Desk:
    """A machine that remembers Alice's token for the source, and by name."""
    desk.remember({source.host: people.alice.token, ":surge": people.alice.token})
    return desk


def test_gem_pushes_what_it_built(signed_in: Desk, source: Source, author: Author) -> None:
    own = Author(source, signed_in, author.name)
    built = own.build("1.0.0")
    pushed = signed_in.push(built.file, source.host)
    assert f"Successfully registered gem: {own.name} (1.0.0)" in pushed.output
    assert source.get(f"gems/{built.gem.file_name}").body == built.file.read_bytes()
    (line,) = source.info(own.name)
    checksum = hashlib.sha256(built.file.read_bytes()).hexdigest()
    assert line.startswith(f"1.0.0 |checksum:{checksum},ruby:>= 2.7")


def test_gem_pushes_with_a_key_by_name(signed_in: Desk, source: Source, author: Author) -> None:
    built = author.build("1.1.0")
    signed_in.push(built.file, source.host, "--key", "surge")
    assert source.versions(author.name)[0].startswith("1.1.0 ")


def test_gem_pushes_with_a_key_of_the_environment(
    desk: Desk, source: Source, author: Author, people: People
) -> None:
    built = author.build("1.2.0", platform="x86_64-linux")
    desk.machine.environment |= {
        "GEM_HOST_API_KEY": f"Bearer {people.alice.token}",
        "RUBYGEMS_HOST": source.host,
    }
    pushed = desk.gem("push", built.file)
    assert f"Successfully registered gem: {author.name} (1.2.0-x86_64-linux)" in pushed.output


def test_gem_pushes_with_credentials_in_the_address(
    desk: Desk, source: Source, author: Author, people: People
) -> None:
    built = author.build("1.0.0")
    desk.machine.environment["GEM_HOST_API_KEY"] = people.alice.token
    desk.push(built.file, with_user(source.host, "alice", people.alice.token))
    assert source.get(f"gems/{built.gem.file_name}").status == 200


def test_the_same_gem_again_changes_nothing_and_another_is_refused(
    signed_in: Desk, source: Source, author: Author
) -> None:
    (first,) = author.publish("1.0.0")
    before = source.info(author.name)
    again = signed_in.push(first.file, source.host)
    assert "already pushed" in again.output
    other = author.build("1.0.0", remark="something else")
    refused = signed_in.push(other.file, source.host, fails=True)
    assert refused.code == 1
    assert "Repushing of gem versions is not allowed" in refused.output
    assert source.info(author.name) == before
    assert source.get(f"gems/{first.gem.file_name}").body == first.file.read_bytes()


def test_a_wrong_key_is_refused(desk: Desk, source: Source, author: Author) -> None:
    desk.machine.environment["GEM_HOST_API_KEY"] = NOT_A_TOKEN
    refused = desk.push(author.build("1.0.0").file, source.host, fails=True)
    assert refused.code == 1
    assert "token" in refused.output
    assert source.get(f"info/{author.name}").status == 404


def test_a_token_that_only_reads_is_refused(desk: Desk, source: Source, author: Author) -> None:
    new = {"name": f"reads {author.name}", "actions": ["read"]}
    desk.remember({source.host: source.api("POST", "/tokens", new)["token"]})
    refused = desk.push(author.build("1.0.0").file, source.host, fails=True)
    assert "write" in refused.output
    assert source.get(f"info/{author.name}").status == 404


def test_who_may_only_read_is_refused(
    desk: Desk, source: Source, author: Author, people: People
) -> None:
    desk.remember({source.host: people.bob.token})
    refused = desk.push(author.build("1.0.0").file, source.host, fails=True)
    assert "developer" in refused.output
    assert source.get(f"info/{author.name}").status == 404


def test_gem_signs_in(desk: Desk, source: Source, author: Author, people: People) -> None:
    desk.machine.environment["RUBYGEMS_HOST"] = source.host
    with desk.terminal("signin") as terminal:
        terminal.wait_for(r"(Email|Username/email):")
        terminal.enter("alice@packhouse.test")
        terminal.wait_for("Password:")
        terminal.enter(people.alice.password)
        terminal.wait_for("API Key name")
        terminal.enter("")
        while terminal.wait_for(r"\[y/?N\]|Signed in").group() != "Signed in":
            terminal.enter("y")
        assert terminal.wait() == 0
    token = desk.remembered()[source.host]
    assert token.startswith("srg_")
    built = author.build("1.0.0")
    desk.push(built.file, source.host)
    assert source.get(f"gems/{built.gem.file_name}").status == 200


def test_owners_are_added_listed_and_removed(
    signed_in: Desk, source: Source, author: Author
) -> None:
    author.publish("1.0.0")
    where = (author.name, "--host", source.host)
    carol = "carol@packhouse.test"
    added = signed_in.gem("owner", *where, "--add", carol)
    assert f"Owners for gem: {author.name}" in added.output
    assert "carol" in added.output
    removed = signed_in.gem("owner", *where, "--remove", carol)
    assert f"Owners for gem: {author.name}" in removed.output
    assert "carol" not in removed.output.partition("Owners for gem")[2]


def test_a_signed_gem_is_pushed_and_trusted(
    signed_in: Desk, source: Source, author: Author
) -> None:
    signed_in.gem("cert", "--build", "alice@packhouse.test", cwd=signed_in.home)
    signed_in.gem("cert", "--add", "gem-public_cert.pem", cwd=signed_in.home)
    own = Author(source, signed_in, author.name)
    built = own.build("1.0.0", signed_with=signed_in.home)
    signed_in.push(built.file, source.host)
    signed_in.install(source.signed_in, own.name, "--trust-policy", "HighSecurity")
    assert signed_in.installed(own.name) == ["1.0.0"]


def test_parallel_pushes_leave_the_lists_whole(source: Source, author: Author) -> None:
    others = [Author(source, author.desk, new_name()) for _ in range(_CROWD)]
    built = [one.build("1.0.0") for one in others]
    built += [author.build(f"1.{number}.0") for number in range(_CROWD)]
    with ThreadPoolExecutor(max_workers=len(built)) as pool:
        answers = list(pool.map(lambda one: source.push(one.file), built))
    assert {answer.status for answer in answers} == {200}
    for one in (author, *others):
        md5 = source.versions(one.name)[-1].split()[-1]
        info = source.get(f"info/{one.name}").body
        assert hashlib.md5(info, usedforsecurity=False).hexdigest() == md5
    assert len(source.info(author.name)) == _CROWD
