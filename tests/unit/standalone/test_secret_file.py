from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.standalone.errors import CannotStart
from app.standalone.secret_file import kept_secrets

if TYPE_CHECKING:
    from pathlib import Path


def test_secrets_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = kept_secrets(file)
    assert kept_secrets(file) == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(first.auth_encryption_key)) == 32


def test_two_data_folders_have_no_secret_in_common(tmp_path: Path) -> None:
    one, two = (kept_secrets(tmp_path / name) for name in ("one", "two"))
    assert not set(vars(one).values()) & set(vars(two).values())


def test_secrets_do_not_show_in_a_log(tmp_path: Path) -> None:
    made = kept_secrets(tmp_path / "secrets.json")
    assert made.jwt_secret not in repr(made)


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"jwt_secret": "only"}'])
def test_a_damaged_file_is_never_replaced(tmp_path: Path, damaged: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(damaged)
    with pytest.raises(CannotStart, match="put it back from a backup"):
        kept_secrets(file)
    assert file.read_text() == damaged


def test_a_start_that_was_killed_while_it_wrote_them_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "secrets.unfinished").write_text("{")
    assert kept_secrets(tmp_path / "secrets.json").jwt_secret
