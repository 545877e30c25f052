"""The first start: somebody has to be able to sign in."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING

from app import audit
from app.auth import users
from app.auth.users import NewUser
from app.errors import UnprocessableInput
from app.models import User, in_transaction
from config.settings import SettingsError

if TYPE_CHECKING:
    from config.settings import Settings

USERNAME = "admin"
DEFAULT_EMAIL = "admin@localhost"

_GENERATED_CHARACTERS = 24
_CHARACTERS = string.ascii_letters + string.digits


def ensure_administrator(settings: Settings) -> str | None:
    """Make the first platform admin, unless there is one already.

    Safe in several processes at once: the name is unique, so one makes it, and the
    transactions of the others start over and find it.

    Args:
        settings: ``ADMIN_EMAIL`` and ``ADMIN_PASSWORD``; where one is missing, a default
            address and a random password take its place.

    Returns:
        The generated password, to be shown once; none where nothing was generated.

    Raises:
        SettingsError: a variable has a value that no account may have.
    """
    if has_administrator():
        return None
    given = settings.admin_password.get_secret_value()
    password = given or "".join(secrets.choice(_CHARACTERS) for _ in range(_GENERATED_CHARACTERS))
    new = NewUser(
        email=settings.admin_email or DEFAULT_EMAIL,
        username=USERNAME,
        display_name="Administrator",
        password=password,
        is_platform_admin=True,
    )
    try:
        user = users.prepare(new)
    except UnprocessableInput as error:
        raise SettingsError(_named(error)) from error

    def work() -> bool:
        if has_administrator():
            return False
        users.insert(user, actor=audit.SYSTEM)
        return True

    was_made = in_transaction(work)
    return password if was_made and not given else None


def has_administrator() -> bool:
    """Whether somebody can sign in as a platform admin already."""
    return User.objects(is_platform_admin=True).first() is not None


def _named(error: UnprocessableInput) -> str:
    variables = {"/email": "ADMIN_EMAIL", "/password": "ADMIN_PASSWORD"}
    return "\n".join(
        f"{variables.get(field, field)}: {problem}" for field, problem in error.fields.items()
    )
