"""Run by a test in a process of its own: hash passwords while others are to be served."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402  after patching
from flask import Flask  # noqa: E402

from app.auth import passwords  # noqa: E402
from app.extensions import bind  # noqa: E402
from config.settings import Environment, load_settings  # noqa: E402


def main() -> None:
    """Print how many of the passwords verified, and how often another client got a turn."""
    app = Flask("gevent_test")
    settings = load_settings(
        _env_file=None, environment=Environment.DEVELOPMENT, password_iterations=100_000
    )
    bind(app, "settings", settings)

    def hash_and_verify(number: int) -> bool:
        with app.app_context():
            return passwords.verify(
                f"password {number}", passwords.hash_password(f"password {number}")
            )

    hashing = [gevent.spawn(hash_and_verify, number) for number in range(8)]
    turns = 0
    while not all(one.ready() for one in hashing):
        gevent.sleep(0.001)
        turns += 1
    print(sum(one.get() for one in hashing), turns)  # noqa: T201  read by the test


main()
