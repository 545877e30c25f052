"""What Schemathesis has to know of Packhouse; loaded by it, not by us.

It signs in anew now and then, since it may end its own session; it leaves alone the one account by
which it signs in; makes up no cursors, which only lists themselves give; and uses no
Idempotency-Key twice, which is refused as it should be.
"""

from __future__ import annotations

import json
import os
import uuid
from typing import Any

import schemathesis

from tests.standalone_registry import post

HOST = os.environ["FUZZ_HOST"]
IDENTITY: dict[str, str] = json.loads(os.environ["FUZZ_IDENTITY"])
"""``email`` and ``password`` of who asks, and their ``id``; empty for nobody."""
_KEY = "Idempotency-Key"
_WRITING = {"PUT", "PATCH", "DELETE"}


@schemathesis.auth(refresh_interval=10)
class SignIn:
    """A session of the account; nothing for nobody."""

    def get(self, _case: schemathesis.Case, _context: Any) -> str | None:
        if not IDENTITY:
            return None
        sign_in = {"email": IDENTITY["email"], "password": IDENTITY["password"]}
        token: str = post(HOST, "auth/login", sign_in)["access_token"]
        return token

    def set(self, case: schemathesis.Case, data: str | None, _context: Any) -> None:
        if data is not None:
            case.headers = case.headers or {}
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def filter_case(_context: Any, case: schemathesis.Case) -> bool:
    """Leave the account alone."""
    user = str((case.path_parameters or {}).get("user", ""))
    return case.method not in _WRITING or user.lower() not in {
        one.lower() for one in IDENTITY.values()
    }


@schemathesis.hook
def before_call(_context: Any, case: schemathesis.Case, _options: Any) -> None:
    """Begin every list at its beginning, and give each request a key of its own.

    An id that an answer left empty (an event's ``token_id``) makes another path of this one.
    """
    for name, value in (case.path_parameters or {}).items():
        if value == "":
            case.path_parameters[name] = "nothing"
    if case.query:
        case.query.pop("cursor", None)
    if case.headers and _KEY in case.headers:
        case.headers[_KEY] = f"{case.headers[_KEY][:200]}{uuid.uuid4()}"
