"""nginx with the same bytes as static files: the bound, not a registry."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.standalone.ports import LOOPBACK, remembered_ports
from app.standalone.process import Part, running
from bench.peer import Peer, answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.programs import Program

NAME = "nginx"
FILES = "files"
"""The folder below nginx's own that it serves."""

_CONFIG = """\
daemon off;
worker_processes 2;
pid {folder}/pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_timeout 60s;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=60s;
  client_max_body_size 1g;
  client_body_buffer_size 256k;
  client_body_temp_path {folder}/temporary;
  proxy_temp_path {folder}/temporary;
  fastcgi_temp_path {folder}/temporary;
  uwsgi_temp_path {folder}/temporary;
  scgi_temp_path {folder}/temporary;
  gzip_static on;
  default_type application/json;
  map $http_accept $form {{
    default full;
    "~install-v1" abbreviated;
  }}
  server {{
    listen {address};
    root {folder}/{files};
    location = /-/ping {{ return 200; }}
    {locations}
  }}
}}
"""
PACKAGES = """
    location ~ ^/(?<package>[^/]+)$ { try_files /$package.$form.json =404; }
    location /uploads/ { dav_methods PUT; create_full_put_path on; }
"""
"""How it serves npm's documents, laid out as ``<name>.<form>.json``."""
IMAGES = """
    location = /v2/ { return 200 '{}'; }
    location ~ /manifests/ { default_type application/vnd.oci.image.manifest.v1+json; }
    location ~ /blobs/ { default_type application/octet-stream; }
    location ~ /tags/ { }
    location ~ /uploads/ { dav_methods PUT; create_full_put_path on; }
"""
"""How it serves images, laid out as the paths that clients ask for."""


@contextmanager
def nginx(
    program: Program, folder: Path, locations: str = PACKAGES, *, below: str = ""
) -> Iterator[Peer]:
    """Run it with two workers; it serves what is put into ``folder / FILES``.

    Args:
        program: nginx.
        folder: an empty one.
        locations: how it serves what is there.
        below: the path of the peer's base URL.

    Raises:
        CannotStart: it did not come up.
    """
    (folder / FILES).mkdir(parents=True)
    (folder / "temporary").mkdir()
    port = remembered_ports(folder / "ports.json", ["web"])["web"]
    config = folder / "nginx.conf"
    config.write_text(
        _CONFIG.format(
            folder=folder,
            files=FILES,
            address=f"{LOOPBACK}:{port}",
            locations=locations,
            # Else root's nginx serves as somebody who may not read or write here.
            user="user root;" if os.geteuid() == 0 else "",
        )
    )
    base_url = f"http://{LOOPBACK}:{port}"
    part = Part(
        name=NAME,
        argv=(*program.argv, "-p", str(folder), "-c", str(config), "-e", f"{folder}/error.log"),
        log=folder / "log",
        is_ready=answers(base_url, "/-/ping"),
        env=program.env,
    )
    with running(part) as child:
        yield Peer(name=NAME, base_url=base_url + below, root=child.pid, is_registry=False)
