from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from app.storage import create_store
from app.storage.cached import CachedStore
from app.storage.filesystem import FilesystemStore
from app.storage.s3_store import S3Store
from config.settings import SettingsError
from tests.live import ROOT
from tests.stores import filesystem_settings, put, read, s3_settings

if TYPE_CHECKING:
    from pathlib import Path

    from app.standalone.servers import S3Server


def test_the_settings_choose_the_store(tmp_path: Path, s3_server: S3Server) -> None:
    files = create_store(filesystem_settings(tmp_path))
    bucket = create_store(s3_settings(tmp_path, s3_server))
    cached = create_store(s3_settings(tmp_path, s3_server, disk_cache_bytes=10_000_000))
    for store, kind in ((files, FilesystemStore), (bucket, S3Store), (cached, CachedStore)):
        assert isinstance(store, kind)
        store.check()
        put(store, "a", b"x")
        assert read(store, "a") == b"x"
    assert (tmp_path / "packages" / "a").read_bytes() == b"x"


@pytest.mark.parametrize("path", ["staging", "cache/packages"])
def test_artifacts_do_not_go_where_the_registry_keeps_its_own(tmp_path: Path, path: str) -> None:
    settings = filesystem_settings(tmp_path).model_copy(update={"storage_path": path})
    with pytest.raises(SettingsError, match="STORAGE_PATH"):
        create_store(settings)


def test_a_filesystem_does_not_pay_for_boto3(tmp_path: Path) -> None:
    program = (
        "import sys; from app.storage import create_store; from config.settings import *;"
        f"create_store(load_settings(_env_file=None, data_dir={str(tmp_path)!r})).check();"
        "sys.exit('botocore' in sys.modules or 'boto3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0  # noqa: S603  our own interpreter
