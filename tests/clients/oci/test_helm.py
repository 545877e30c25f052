"""helm: charts in a registry of images (acceptance row 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.oci.desk import Desk
    from tests.clients.oci.wire import Wire
    from tests.clients.registry import People

pytestmark = pytest.mark.client

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Chart.Name }}
"""
PROVENANCE = "application/vnd.cncf.helm.chart.provenance.v1.prov"


@pytest.fixture
def helm(desk: Desk, people: People) -> Desk:
    """A desk where Alice is signed in with helm."""
    desk.sign_in_as(people.alice, "helm")
    return desk


def package(desk: Desk, name: str, version: str, *options: str | Path) -> Path:
    """Make a chart; returns its package."""
    folder = desk.machine.folder(f"charts/{name}-{version}/{name}")
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: {version}\n")
    (folder / "templates/map.yaml").write_text(CONFIG_MAP)
    desk.run("helm", "package", *options, folder)
    return desk.home / f"{name}-{version}.tgz"


def push(desk: Desk, chart: Path) -> None:
    desk.run("helm", "push", "--plain-http", chart, f"oci://{desk.image('charts')}")


def signing_keys(desk: Desk) -> tuple[Path, Path]:
    """Make a person's keys; returns the keyrings of the secret and of the public one."""
    desk.machine.environment["GNUPGHOME"] = str(desk.machine.folder("gnupg"))
    (desk.home / "gnupg").chmod(0o700)
    desk.run(
        *("gpg", "--batch", "--passphrase", "", "--quick-generate-key"),
        *("Alice <alice@packhouse.test>", "rsa2048", "sign", "never"),
    )
    secret, public = desk.home / "secret.gpg", desk.home / "public.gpg"
    desk.run("gpg", "--output", secret, "--export-secret-keys")
    desk.run("gpg", "--output", public, "--export")
    desk.run("gpgconf", "--kill", "gpg-agent")
    return secret, public


def test_the_newest_chart_of_a_range_is_pulled(helm: Desk, wire: Wire, name: str) -> None:
    chart = package(helm, name, "1.2.3+b4")
    push(helm, chart)
    push(helm, package(helm, name, "1.0.0"))
    push(helm, package(helm, name, "2.0.0"))
    assert wire.tags(f"acme/charts/{name}") == ["1.0.0", "1.2.3_b4", "2.0.0"]
    back = helm.machine.folder("back")
    address = f"oci://{helm.image(f'charts/{name}')}"
    helm.run(
        *("helm", "pull", "--plain-http", address, "--version", ">=1 <2", "--destination", back)
    )
    assert (back / chart.name).read_bytes() == chart.read_bytes()


def test_a_chart_is_rendered_from_the_registry(helm: Desk, name: str) -> None:
    push(helm, package(helm, name, "1.2.3+b4"))
    address = f"oci://{helm.image(f'charts/{name}')}"
    rendered = helm.run("helm", "template", "--plain-http", address, "--version", "1.2.3+b4")
    assert f"name: {name}" in rendered.output
    shown = helm.run("helm", "show", "chart", "--plain-http", address)
    assert "version: 1.2.3+b4" in shown.output


def test_the_provenance_of_a_signed_chart_comes_along(helm: Desk, wire: Wire, name: str) -> None:
    secret, public = signing_keys(helm)
    push(helm, package(helm, name, "1.0.0", "--sign", "--key", "Alice", "--keyring", secret))
    layers = wire.manifest(f"acme/charts/{name}", "1.0.0").json()["layers"]
    assert PROVENANCE in {layer["mediaType"] for layer in layers}
    address = f"oci://{helm.image(f'charts/{name}')}"
    back = helm.machine.folder("back")
    helm.run(
        *("helm", "pull", "--plain-http", "--verify", "--keyring", public, address),
        *("--version", "1.0.0", "--destination", back),
    )
    assert (back / f"{name}-1.0.0.tgz.prov").exists()
