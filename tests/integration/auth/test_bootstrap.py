from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from app.auth import sessions
from app.auth.bootstrap import ensure_administrator
from app.auth.principal import ClientInfo
from app.models import User
from config.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from config.settings import Settings


@pytest.mark.usefixtures("app")
def test_the_first_start_gives_a_password_once(settings: Settings, client: ClientInfo) -> None:
    password = ensure_administrator(settings)
    assert password is not None
    user = sessions.sign_in("admin", password, client).user
    assert user.is_platform_admin
    assert user.email == "admin@localhost"
    assert ensure_administrator(settings) is None
    assert User.objects.count() == 1


@pytest.mark.usefixtures("app")
def test_the_settings_may_say_who_it_is(settings: Settings, client: ClientInfo) -> None:
    given = settings.model_copy(
        update={
            "admin_email": "Ops@Acme.test",
            "admin_password": SecretStr("walrus-teapot-ladder"),
        }
    )
    assert ensure_administrator(given) is None
    assert sessions.sign_in("ops@acme.test", "walrus-teapot-ladder", client).user.is_platform_admin


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("field", "value"), [("admin_email", "ops"), ("admin_password", SecretStr("admin"))]
)
def test_unusable_settings_are_named(settings: Settings, field: str, value: object) -> None:
    with pytest.raises(SettingsError, match=field.upper()):
        ensure_administrator(settings.model_copy(update={field: value}))
    assert User.objects.count() == 0


def test_a_platform_with_an_admin_gets_no_other(
    make_user: Callable[..., User], settings: Settings
) -> None:
    make_user("somebody", is_platform_admin=True)
    assert ensure_administrator(settings) is None
    assert User.objects.count() == 1


def test_several_processes_that_start_at_once_make_one(app: Flask, settings: Settings) -> None:
    def start(_: int) -> str | None:
        with app.app_context():
            return ensure_administrator(settings)

    with ThreadPoolExecutor(8) as pool:
        passwords = [one for one in pool.map(start, range(8)) if one is not None]
    assert len(passwords) == 1
    assert User.objects.count() == 1
