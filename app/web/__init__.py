"""The pages for people, under ``/ui/``. Cookies and CSRF live here and nowhere else."""

from __future__ import annotations

from flask import Flask

from app.web import device_logins, home, sign_in
from app.web.pages import blueprint

__all__ = ["device_logins", "home", "install", "sign_in"]


def install(app: Flask) -> None:
    """Add the pages to the app."""
    app.register_blueprint(blueprint, url_prefix="/ui")
