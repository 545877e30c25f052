"""Somebody's machine with the container tools on it, as a person has set them up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.clients.machine import Machine
from tests.clients.oci.installed import installed
from tests.clients.registry import ORGANIZATION

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.machine import Run
    from tests.clients.registry import Account

_STORAGE = """\
[storage]
driver = "vfs"
graphroot = "{home}/containers"
runroot = "{home}/run"
"""
_REGISTRIES = """\
unqualified-search-registries = ["{host}"]
[[registry]]
location = "{host}"
insecure = true
"""
_ENGINE = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
tmp_dir = "{home}/run/libpod"
"""
_PLAIN_HTTP = {
    "buildah": ("--tls-verify=false",),
    "helm": ("--plain-http",),
    "oras": ("--plain-http",),
    "skopeo": ("--tls-verify=false",),
}
"""What makes programs speak http that do not by themselves to a loopback address."""
_SIGN_IN = {
    "crane": ("auth", "login"),
    "helm": ("registry", "login"),
    "regctl": ("registry", "login"),
}
_CREDENTIALS = {"regctl": ("--user", "--pass")}


class Desk:
    """A machine where no container tool has ever run, and nobody is signed in.

    Args:
        home: an empty folder.
        host: host and port of the registry.
    """

    def __init__(self, home: Path, host: str) -> None:
        self.machine = Machine(home, {})
        self.home = home
        self.host = host
        self._set_up_podman()
        self._set_up_regctl()

    def image(self, name: str) -> str:
        """Return an image's name, as people write it."""
        return f"{self.host}/{ORGANIZATION}/{name}"

    def remote(self, name: str) -> str:
        """Return an image's name, as skopeo and buildah want it in places."""
        return f"docker://{self.image(name)}"

    def run(
        self, program: str, *arguments: str | Path, cwd: Path | None = None, fails: bool = False
    ) -> Run:
        """Run a program, which has to succeed, or with ``fails`` has to fail."""
        return self.machine.run([installed(program), *arguments], cwd=cwd, fails=fails)

    def sign_in(self, program: str, username: str, password: str, *, fails: bool = False) -> Run:
        """Sign in with one program; others may or may not share what it remembers."""
        name_option, password_option = _CREDENTIALS.get(program, ("--username", "--password"))
        return self.run(
            program,
            *_SIGN_IN.get(program, ("login",)),
            *_PLAIN_HTTP.get(program, ()),
            *(name_option, username, password_option, password),
            self.host,
            fails=fails,
        )

    def sign_in_as(self, account: Account, *programs: str) -> None:
        """Sign a person in with some programs, by token."""
        for program in programs:
            self.sign_in(program, account.username, account.token)

    def copy(self, source: str, target: str, *options: str, fails: bool = False) -> Run:
        """Copy an image with skopeo, whose other commands have one name for these options."""
        verify = ("--src-tls-verify=false", "--dest-tls-verify=false")
        return self.run("skopeo", "copy", *verify, *options, source, target, fails=fails)

    def _set_up_regctl(self) -> None:
        """Let regctl speak http, which it learns only from its configuration."""
        content = {"hosts": {self.host: {"tls": "disabled", "hostname": self.host}}}
        (self.machine.folder(".regctl") / "config.json").write_text(json.dumps(content))

    def _set_up_podman(self) -> None:
        """Point podman and buildah at this home, which root's would not use else."""
        etc = self.machine.folder("etc")
        (self.home / "run").mkdir()
        for name, variable, text in (
            ("storage.conf", "CONTAINERS_STORAGE_CONF", _STORAGE),
            ("registries.conf", "CONTAINERS_REGISTRIES_CONF", _REGISTRIES),
            ("containers.conf", "CONTAINERS_CONF", _ENGINE),
        ):
            (etc / name).write_text(text.format(home=self.home, host=self.host))
            self.machine.environment[variable] = str(etc / name)
        (etc / "auth.json").write_text("{}")  # podman fails where there is none
        self.machine.environment |= {
            "REGISTRY_AUTH_FILE": str(etc / "auth.json"),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "BUILDAH_ISOLATION": "chroot",
        }
