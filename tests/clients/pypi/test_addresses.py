"""By which addresses and settings clients find the index and its files."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.clients.certificates import self_signed
from tests.clients.pypi.index import Index, with_token
from tests.clients.recorder import recording
from tests.clients.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.pypi.author import Author
    from tests.clients.pypi.desk import Desk
    from tests.clients.registry import People, Registry

pytestmark = pytest.mark.client

PREFIXES = [
    *("/", "/pypi/"),
    *("/o/acme/", "/o/acme/pypi/"),
    *("/r/acme/pypi/", "/r/acme/pypi/pypi/"),
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_each_scope_is_an_index(
    desk: Desk, registry: Registry, people: People, author: Author, prefix: str
) -> None:
    base = registry.origin + prefix
    built = author.build("1.0")
    who = ("-u", "__token__", "-p", people.alice.token)
    for slash in ("/", ""):  # the second finds what the first has left
        where = ("--repository-url", f"{base}legacy{slash}", "--non-interactive")
        desk.run("twine", "upload", *where, *who, *built.files)
        environment = desk.newest_pip()
        environment.install(with_token(f"{base}simple{slash}", people.alice), author.name)
        assert environment.version_of(author.module) == "1.0"


def test_pip_is_set_up_by_the_command_on_the_first_page(
    desk: Desk, registry: Registry, people: People, author: Author
) -> None:
    author.publish("1.0")
    page = Wire(registry.origin, None).ask("GET", "/ui/?client=pip&organization=").body.decode()
    command, _upload = map(html.unescape, re.findall(r"<pre>(.+?)</pre>", page, re.DOTALL))
    environment = desk.newest_pip()
    desk.machine.environment["PACKHOUSE_TOKEN"] = people.alice.token
    del desk.machine.environment["PIP_CONFIG_FILE"]  # Else pip reads no file at all.
    desk.machine.run(["sh", "-c", re.sub("^pip", f"{environment.python} -m pip", command)])
    del desk.machine.environment["PACKHOUSE_TOKEN"]
    environment.pip("install", "--no-input", author.name)
    assert environment.version_of(author.module) == "1.0"


@pytest.mark.parametrize("credentials", ["address", "username", "token alone", "anything"])
def test_pip_signs_in_in_many_ways(
    desk: Desk, index: Index, people: People, author: Author, credentials: str
) -> None:
    author.publish("1.0")
    bob = people.bob
    in_url = {
        "address": f"bob%40packhouse.test:{bob.password.replace(' ', '%20')}",
        "username": f"bob:{bob.password.replace(' ', '%20')}",
        "token alone": bob.token,
        "anything": f"x:{bob.token}",
    }[credentials]
    environment = desk.newest_pip()
    environment.install(index.simple.replace("://", f"://{in_url}@"), author.name)
    assert environment.version_of(author.module) == "1.0"


def test_pip_and_uv_read_netrc(desk: Desk, index: Index, people: People, author: Author) -> None:
    author.publish("1.0")
    host = urlsplit(index.origin).hostname
    netrc = desk.home / ".netrc"
    netrc.write_text(f"machine {host} login __token__ password {people.bob.token}\n")
    netrc.chmod(0o600)
    by_pip, by_uv = desk.newest_pip(), desk.environment()
    by_pip.install(index.simple, author.name)
    desk.uv_install(by_uv, index.simple, author.name)
    assert by_pip.version_of(author.module) == "1.0"
    assert by_uv.version_of(author.module) == "1.0"


def test_pip_and_twine_read_their_settings(desk: Desk, index: Index, author: Author) -> None:
    (desk.home / "pip.conf").write_text(f"[global]\nindex-url = {index.signed_in}\n")
    desk.machine.environment["PIP_CONFIG_FILE"] = str(desk.home / "pip.conf")
    (desk.home / ".pypirc").write_text(
        "[distutils]\nindex-servers = acme\n"
        f"[acme]\nrepository = {index.upload_url}\n"
        f"username = __token__\npassword = {index.token}\n"
    )
    desk.run("twine", "upload", "--non-interactive", "-r", "acme", author.build("1.0").wheel)
    environment = desk.newest_pip()
    environment.pip("install", author.name)
    assert environment.version_of(author.module) == "1.0"


def test_behind_tls_every_address_is_https(
    desk: Desk, registry: Registry, people: People, author: Author, tmp_path: Path
) -> None:
    author.publish("1.0")
    certificate = self_signed(tmp_path)
    with recording(registry.origin, certificate) as proxy:
        simple = Index(proxy.origin, people.alice).signed_in
        environment = desk.newest_pip()
        environment.install(simple, "--cert", certificate.certificate, author.name)
        assert environment.version_of(author.module) == "1.0"
        asked = [one.path for one in proxy.take() if one.status == 200]
    assert any(path.endswith(".whl") for path in asked)
