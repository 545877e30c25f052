"""A browser with one person in front of it: keeps cookies, fills in the forms of pages."""

from __future__ import annotations

from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, Request, build_opener

if TYPE_CHECKING:
    from tests.clients.registry import Account

PATIENCE_SECONDS = 60


class Browser:
    """Shows pages of one registry."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def sign_in(self, account: Account) -> None:
        """Fill in the sign-in page."""
        page = self._submit(
            f"{self._origin}/ui/sign-in",
            {"identifier": account.username, "password": account.password},
        )
        assert account.username in page, page

    def decide(self, url: str, decision: str) -> str:
        """Open the page that a command-line client names, and press one of its buttons."""
        return self._submit(url, {"decision": decision})

    def _submit(self, url: str, filled_in: dict[str, str]) -> str:
        """Open a page and send its form, hidden fields included; returns the next page."""
        form = _Form()
        form.feed(self._open(url))
        target = urljoin(url, form.action)
        return self._open(target, urlencode({**form.hidden, **filled_in}).encode())

    def _open(self, url: str, body: bytes | None = None) -> str:
        assert url.startswith(self._origin), url
        request = Request(url, body, {"Origin": self._origin})  # noqa: S310  ours, as just checked
        with self._opener.open(request, timeout=PATIENCE_SECONDS) as response:
            page: bytes = response.read()
        return page.decode()


class _Form(HTMLParser):
    """Finds a page's form; each page has one in its main part, and it comes last."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action, self.hidden = given.get("action") or "", {}
        if tag == "input" and given.get("type") == "hidden":
            self.hidden[given.get("name") or ""] = given.get("value") or ""
