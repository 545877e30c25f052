"""What pages answer to whom (acceptance rows 12 and 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.pypi.index import JSON
from tests.clients.pypi.projects import normalized

if TYPE_CHECKING:
    from tests.clients.pypi.author import Author
    from tests.clients.pypi.index import Index

pytestmark = pytest.mark.client

HTML = "text/html; charset=utf-8"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
PIP = f"{JSON}, {HTML_V1}; q=0.1, text/html; q=0.01"
UV = f"{JSON}, {HTML_V1};q=0.2, text/html;q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
ANSWERS = {
    PIP: JSON,
    UV: JSON,
    f"{JSON}, */*;q=0.1": JSON,
    BROWSER: HTML,
    "*/*": HTML,
    "text/*": HTML,
    HTML_V1: HTML_V1,
    "application/vnd.pypi.simple.latest+json": JSON,
    "application/vnd.pypi.simple.latest+html": HTML_V1,
    "application/json": HTML,
}


@pytest.mark.parametrize("accept", ANSWERS)
@pytest.mark.parametrize("of_project", [True, False], ids=["project", "root"])
def test_a_page_is_in_the_form_that_is_asked_for(
    index: Index, author: Author, accept: str, *, of_project: bool
) -> None:
    author.publish("1.0")
    path = f"{index.base}/simple/{f'{normalized(author.name)}/' if of_project else ''}"
    answer = index.ask("GET", path, headers={"Accept": accept})
    assert answer.status == 200
    assert answer.headers["content-type"] == ANSWERS[accept]
    assert "accept" in answer.headers["vary"].lower().replace(" ", "").split(",")


def test_who_says_nothing_gets_html(index: Index, author: Author) -> None:
    author.publish("1.0")
    answer = index.ask("GET", f"{index.base}/simple/{normalized(author.name)}/")
    assert answer.headers["content-type"] == HTML
    assert answer.body.startswith(b"<!DOCTYPE html>")


def test_each_form_has_a_tag_of_its_own_and_is_not_sent_twice(index: Index, author: Author) -> None:
    author.publish("1.0")
    path = f"{index.base}/simple/{normalized(author.name)}/"
    tags = {}
    for accept in (JSON, HTML_V1, "text/html"):
        tags[accept] = index.detail(author.name, accept).headers["etag"]
        headers = {"Accept": accept, "If-None-Match": tags[accept]}
        again = index.ask("GET", path, headers=headers)
        assert (again.status, again.body) == (304, b"")
    assert tags[JSON] not in {tags[HTML_V1], tags["text/html"]}
    stale = {"Accept": JSON, "If-None-Match": tags["text/html"]}
    assert index.ask("GET", path, headers=stale).status == 200


@pytest.mark.parametrize("ending", ["", "/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_spelling_leads_to_the_page_in_one_step(
    index: Index, author: Author, method: str, ending: str
) -> None:
    author.publish("1.0")
    spellings = {
        author.name,
        author.module,
        author.name.upper(),
        f"{author.name}".replace(".", "--"),
    }
    for spelling in spellings:
        answer = index.ask(method, f"{index.base}/simple/{spelling}{ending}")
        assert answer.status == 301
        location = answer.headers["location"].removeprefix(index.origin)
        assert location == f"{index.base}/simple/{normalized(author.name)}/"
        assert index.ask(method, location).status == 200


def test_html_has_one_link_for_each_file_and_none_besides(index: Index, author: Author) -> None:
    built = author.publish("1.0")
    page = index.detail(author.name, "text/html").body.decode()
    assert page.count("<a ") == len(built.files)
    for file in built.files:
        assert f">{file.name}</a>" in page
