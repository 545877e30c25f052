"""The simple index: negotiation, redirects, caching, what it says of files and projects."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from app.auth.principal import TokenLimits
from app.models import Package, PackageStatus
from app.registry import package_management, version_management
from app.registry.package_management import PackageContent
from tests.distributions import a_wheel, an_sdist
from tests.integration.protocols.pypi.conftest import JSON, ORIGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acme import Acme
    from tests.integration.protocols.pypi.conftest import Pypi
    from tests.world import World

HTML = "text/html; charset=utf-8"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
PIP = f"{JSON}, {HTML_V1}; q=0.1, text/html; q=0.01"


class Links(HTMLParser):
    """The anchors and metas of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.anchors: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.metas: dict[str | None, str | None] = {}
        self._in_anchor = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.anchors.append(dict(attrs))
            self._in_anchor = True
        if tag == "meta":
            found = dict(attrs)
            self.metas[found["name"]] = found["content"]

    def handle_endtag(self, tag: str) -> None:
        self._in_anchor = self._in_anchor and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._in_anchor:
            self.texts.append(data)


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("*/*", HTML),
        ("text/*", HTML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
        (HTML_V1, HTML_V1),
        (JSON, JSON),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.latest+html", HTML_V1),
        ("application/json", HTML),
        ("", HTML),
        ("]]>;;q=x," * 100, HTML),
        (PIP, JSON),
        (PIP.replace("q=0.1,", "q=0.2,"), JSON),
        (f"{JSON}, */*;q=0.1", JSON),
    ],
)
@pytest.mark.parametrize("path", ["simple/", "simple/my-pkg/"])
def test_each_client_gets_the_form_that_it_reads(
    pypi: Pypi, path: str, accept: str, given: str
) -> None:
    pypi.uploaded()
    answer = pypi.get(path, Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == given
    assert {"Accept", "Accept-Encoding", "Authorization"} <= set(answer.headers["Vary"].split(", "))
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_a_form_can_be_named_in_the_query(pypi: Pypi) -> None:
    pypi.uploaded()
    answer = pypi.get(f"simple/my-pkg/?format={JSON.replace('+', '%2B')}", Accept="text/html")
    assert answer.headers["Content-Type"] == JSON


@pytest.mark.parametrize("path", ["simple/", "simple/my-pkg/"])
def test_each_form_has_an_etag_that_spares_the_body(pypi: Pypi, path: str) -> None:
    pypi.uploaded()
    etags = set()
    for accept in (HTML, JSON):
        etag = pypi.get(path, Accept=accept).headers["ETag"]
        etags.add(etag)
        again = pypi.get(path, Accept=accept, If_None_Match=etag)
        assert (again.status_code, again.get_data()) == (304, b"")
    assert len(etags) == 2
    pypi.uploaded("other")
    pypi.uploaded("My.Pkg", "1.1")
    assert pypi.get(path, Accept=JSON).headers["ETag"] not in etags


@pytest.mark.parametrize("base", ["/o/acme/pypi/", "/o/acme/", "/r/acme/pypi/pypi/"])
@pytest.mark.parametrize("spelled", ["My.Pkg", "my_pkg/", "my-pkg", "MY--PKG/"])
def test_another_spelling_leads_to_the_normal_one_in_one_step(
    pypi: Pypi, base: str, spelled: str
) -> None:
    pypi.uploaded()
    for query in ("", "?format=application/vnd.pypi.simple.v1%2Bjson"):
        answer = pypi.client.get(f"{base}simple/{spelled}{query}", headers=pypi.headers)
        assert answer.status_code == 301
        assert answer.headers["Location"] == f"{ORIGIN}{base}simple/my-pkg/{query}"


def test_the_index_without_its_slash_leads_to_the_one_with_it(pypi: Pypi) -> None:
    answer = pypi.get("simple")
    assert (answer.status_code, answer.headers["Location"]) == (
        301,
        f"{ORIGIN}/o/acme/pypi/simple/",
    )


def test_the_layout_of_devpi_works_too(pypi: Pypi) -> None:
    wheel = pypi.uploaded()
    answer = pypi.client.get("/o/acme/+simple/my-pkg/", headers=pypi.headers)
    assert wheel.filename in answer.get_data(as_text=True)


def test_a_form_in_the_query_need_not_be_escaped(pypi: Pypi) -> None:
    pypi.uploaded()
    answer = pypi.get("simple/my-pkg/?format=application/vnd.pypi.simple.v1+json")
    assert answer.headers["Content-Type"] == JSON


def test_both_forms_say_the_same_of_a_file(pypi: Pypi, acme: Acme, world: World) -> None:
    wheel = pypi.uploaded("My.Pkg", "1.0", "Requires-Python: >=3.8,<4")
    yank(world, acme, "1.0", 'broken: "use" <1.1> & later')
    page = pypi.get("simple/my-pkg/", Accept="text/html").get_data(as_text=True)
    assert page.startswith("<!DOCTYPE html>")
    links = Links(page)
    assert links.metas["pypi:repository-version"] == "1.4"
    assert links.metas["pypi:project-status"] == "active"
    file = pypi.files()[wheel.filename]
    [anchor] = links.anchors
    assert links.texts == [wheel.filename]
    assert anchor["href"] == f"{file['url']}#sha256={wheel.sha256}"
    assert anchor["data-requires-python"] == file["requires-python"] == ">=3.8,<4"
    assert anchor["data-yanked"] == file["yanked"] == 'broken: "use" <1.1> & later'
    digest = f"sha256={file['core-metadata']['sha256']}"
    assert anchor["data-core-metadata"] == anchor["data-dist-info-metadata"] == digest
    assert file["provenance"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", file["upload-time"])


def test_files_are_in_the_order_of_versions(pypi: Pypi) -> None:
    for version in ("1.10", "1.9", "1.10rc1", "2.0.dev1", "1!0.1"):
        pypi.uploaded("My.Pkg", version)
    assert pypi.page()["versions"] == ["1.9", "1.10rc1", "1.10", "2.0.dev1", "1!0.1"]


def test_a_yank_without_a_reason_is_true(pypi: Pypi, acme: Acme, world: World) -> None:
    wheel = pypi.uploaded()
    yank(world, acme, "1.0", "")
    assert pypi.files()[wheel.filename]["yanked"] is True
    page = pypi.get("simple/my-pkg/").get_data(as_text=True)
    assert Links(page).anchors[0]["data-yanked"] == ""
    yank(world, acme, "1.0", "", yanked=False)
    assert pypi.files()[wheel.filename]["yanked"] is False


def test_a_quarantined_project_gives_nothing(pypi: Pypi, acme: Acme, world: World) -> None:
    wheel = pypi.uploaded()
    url = pypi.files()[wheel.filename]["url"]
    tell(world, acme, PackageContent(status=PackageStatus.QUARANTINED, status_reason="malware"))
    page = pypi.page()
    assert page["files"] == []
    assert page["project-status"] == {"status": "quarantined", "reason": "malware"}
    refused = pypi.download(url)
    assert refused.status == "404 my-pkg is quarantined (malware) and gives no files."
    for path in ("my-pkg/json", "my-pkg/1.0/json"):
        assert wheel.filename not in pypi.get(path).get_data(as_text=True), path
    links = Links(pypi.get("simple/my-pkg/").get_data(as_text=True))
    assert links.metas["pypi:project-status-reason"] == "malware"


def test_a_deleted_projects_status_is_not_its_successors(
    pypi: Pypi, acme: Acme, world: World
) -> None:
    pypi.uploaded("My.Pkg", "1.0")
    elsewhere = ("https://elsewhere.test/simple/my-pkg/",)
    tell(
        world,
        acme,
        PackageContent(
            status=PackageStatus.ARCHIVED, status_reason="old", alternate_locations=elsewhere
        ),
    )
    with world.context():
        package_management.delete_package(
            acme.maintainer.principal,
            str(Package.objects.get(name="my-pkg").id),
            check=lambda _view: None,
        )
    pypi.uploaded("My.Pkg", "2.0")
    page = pypi.page()
    assert page["project-status"] == {"status": "active"}
    assert "alternate-locations" not in page


def test_alternate_locations_are_told(pypi: Pypi, acme: Acme, world: World) -> None:
    pypi.uploaded()
    elsewhere = "https://elsewhere.test/simple/my-pkg/"
    tell(world, acme, PackageContent(alternate_locations=(elsewhere,)))
    assert pypi.page()["alternate-locations"] == [elsewhere]
    links = Links(pypi.get("simple/my-pkg/").get_data(as_text=True))
    assert links.metas["pypi:alternate-locations"] == elsewhere
    assert "tracks" not in pypi.page()["meta"]


def test_the_index_lists_what_the_caller_may_read(pypi_as: Callable[..., Pypi], acme: Acme) -> None:
    pypi_as(acme.developer).uploaded("My.Pkg")
    pypi_as(acme.developer).uploaded("other")
    page = pypi_as(acme.reader).get("simple/", Accept=JSON).get_json(force=True)
    assert page["meta"] == {"api-version": "1.4"}
    assert page["projects"] == [{"name": "My.Pkg"}, {"name": "other"}]
    links = Links(pypi_as(acme.reader).get("simple/").get_data(as_text=True))
    assert links.anchors[0] == {"href": "/o/acme/pypi/simple/my-pkg/"}
    assert links.texts == ["My.Pkg", "other"]
    assert pypi_as().get("simple/").status_code == 401
    assert pypi_as(acme.outsider).get("simple/").status_code == 404
    platform = pypi_as(acme.outsider, "").get("simple/", Accept=JSON)
    assert platform.get_json(force=True)["projects"] == []
    platform = pypi_as(acme.reader, "").get("simple/", Accept=JSON)
    assert len(platform.get_json(force=True)["projects"]) == 2


@pytest.mark.parametrize("scope", ["", "/o/acme", "/r/acme/pypi"])
def test_a_token_that_may_not_read_here_is_told_so(
    pypi_as: Callable[..., Pypi], acme: Acme, world: World, scope: str
) -> None:
    """And not that there is nothing."""
    pypi_as(acme.developer).uploaded("My.Pkg", "1.0")
    for limits, limit in (
        (TokenLimits(protocols=frozenset({"npm"})), "limited to npm"),
        (TokenLimits(actions=frozenset({"write"})), "limited to the actions write"),
    ):
        answer = pypi_as(world.with_token(acme.reader.user, limits), scope).get("simple/")
        assert answer.status_code == 403
        assert limit in answer.text


def test_a_token_for_another_organization_or_a_project_and_the_index(
    pypi_as: Callable[..., Pypi], acme: Acme, world: World
) -> None:
    pypi_as(acme.developer).uploaded("My.Pkg", "1.0")
    other = world.organization("globex", world.person("hank"))
    elsewhere = world.with_token(acme.reader.user, TokenLimits(organizations=frozenset({other})))
    answer = pypi_as(elsewhere).get("simple/")
    assert (answer.status_code, answer.text) == (
        403,
        "This token is limited to other organizations.\n",
    )
    assert pypi_as(elsewhere, "").get("simple/").status_code == 200
    project = world.with_token(acme.reader.user, TokenLimits(packages=frozenset({"my-pkg"})))
    assert pypi_as(project).get("simple/").status_code == 200


def test_a_deleted_project_is_listed_no_more(pypi: Pypi, acme: Acme, world: World) -> None:
    wheel = pypi.uploaded("My.Pkg")
    pypi.uploaded("other")
    url = pypi.files()[wheel.filename]["url"]
    with world.context():
        package = Package.objects.get(name="my-pkg")
        version_management.delete_version(
            acme.maintainer.principal, str(package.id), "1.0", check=lambda _view: None
        )
    page = pypi.get("simple/", Accept=JSON).get_json(force=True)
    assert page["projects"] == [{"name": "other"}]
    assert pypi.get("simple/my-pkg/").status_code == 404
    assert pypi.download(url).status_code == 404
    again = pypi.upload(wheel)
    assert again.status_code == 400
    assert again.get_data(as_text=True).startswith("This filename was previously used")
    assert pypi.upload(a_wheel("My.Pkg", "1.1")).status_code == 200
    page = pypi.get("simple/", Accept=JSON).get_json(force=True)
    assert [one["name"] for one in page["projects"]] == ["My.Pkg", "other"]


def test_what_a_reader_may_not_know_of_looks_as_if_it_were_not_there(
    pypi_as: Callable[..., Pypi], acme: Acme
) -> None:
    pypi_as(acme.developer).uploaded()
    for name in ("my-pkg", "missing"):
        assert pypi_as().get(f"simple/{name}/").status_code == 401
        assert pypi_as(acme.outsider).get(f"simple/{name}/").status_code == 404
    assert pypi_as(acme.reader).get("simple/missing/").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "simple/..%2f..%2fetc/",
        "files/a/1/../../b",
        "files/my-pkg/1.1/my_pkg-1.0-py3-none-any.whl",
        "files/other/1.0/my_pkg-1.0-py3-none-any.whl",
        "files/My.Pkg/1.0/my_pkg-1.0-py3-none-any.whl",
        "files/my-pkg/1.0/my_pkg-1.0-py3-none-any.whl.asc",
        "files/my-pkg/1.0/%2e%2e",
        "simple/%00/",
    ],
)
def test_what_is_nowhere_is_a_404(pypi: Pypi, path: str) -> None:
    pypi.uploaded()
    assert pypi.get(path).status_code == 404


@pytest.mark.parametrize("name", ["my-pkg", "missing"])
def test_what_is_missing_of_the_address_is_said(
    pypi_as: Callable[..., Pypi], acme: Acme, name: str
) -> None:
    """As strange to who may not know of it as to who has mistyped it."""
    pypi_as(acme.developer).uploaded("My.Pkg", "1.0")
    for person, scope, missing in (
        (acme.reader, "/o/acmee", "There is no organization acmee."),
        (acme.outsider, "/o/acme", "There is no organization acme."),
        (
            acme.reader,
            "/r/acme/pipy",
            f"There is no pypi repository at {ORIGIN}/r/acme/pipy/pypi/.",
        ),
        (
            acme.outsider,
            "/r/acme/pypi",
            f"There is no pypi repository at {ORIGIN}/r/acme/pypi/pypi/.",
        ),
        (acme.outsider, "", "Not found"),
    ):
        answer = pypi_as(person, scope).get(f"simple/{name}/")
        assert (answer.status_code, answer.text) == (404, f"{missing}\n"), (person, scope)


def test_ranges_of_files(pypi: Pypi) -> None:
    wheel = pypi.uploaded()
    url, size = pypi.files()[wheel.filename]["url"], len(wheel.body)
    head = pypi.client.head(url.removeprefix(ORIGIN), headers=pypi.headers)
    assert head.headers["Accept-Ranges"] == "bytes"
    assert head.headers["Content-Length"] == str(size)
    assert head.headers["Content-Type"] == "application/octet-stream"
    assert "Content-Encoding" not in head.headers
    assert "immutable" in head.headers["Cache-Control"]
    for asked, start, stop in (("0-99", 0, 100), ("100-", 100, size), ("-50", size - 50, size)):
        answer = pypi.download(url, Range=f"bytes={asked}")
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.get_data() == wheel.body[start:stop]
    resumed = pypi.download(url, **{"Range": "bytes=100-", "If-Range": head.headers["ETag"]})
    assert (resumed.status_code, resumed.get_data()) == (206, wheel.body[100:])
    changed = pypi.download(url, **{"Range": "bytes=100-", "If-Range": '"another"'})
    assert (changed.status_code, changed.get_data()) == (200, wheel.body)
    outside = pypi.download(url, Range="bytes=9999999-")
    assert outside.status_code == 416
    assert outside.headers["Content-Range"] == f"bytes */{size}"
    for ignored in ("bytes=abc", "bytes=" + ",".join(f"{one}-{one}" for one in range(1000))):
        assert pypi.download(url, Range=ignored).get_data() == wheel.body
    more = pypi.download(url, Range=f"bytes=-{size + 1}")
    assert (more.status_code, more.get_data()) == (206, wheel.body)


def test_what_is_not_what_the_client_expects_is_not_given(pypi: Pypi) -> None:
    wheel = pypi.uploaded()
    url = pypi.files()[wheel.filename]["url"]
    for _ in range(2):  # The second could be given from memory.
        whole = pypi.download(url)
        refused = pypi.download(url, **{"If-Match": '"another"'})
        assert refused.status_code == 412
        assert "has changed" in refused.get_data(as_text=True)
        for known in (whole.headers["ETag"], "*"):
            given = pypi.download(url, **{"If-Match": known})
            assert (given.status_code, given.get_data()) == (200, wheel.body)
            same = pypi.download(url, **{"If-Match": known, "If-None-Match": whole.headers["ETag"]})
            assert (same.status_code, same.get_data()) == (304, b"")


def test_the_json_api_tells_what_the_archive_says(pypi: Pypi) -> None:
    lines = (
        "Summary: Does it",
        "Requires-Python: >=3.8",
        "Requires-Dist: other>=1",
        "Requires-Dist: extra-thing; extra == 'more'",
        "Provides-Extra: more",
        "Classifier: Programming Language :: Python :: 3",
        "Project-URL: Home, https://home.test/",
        "Author-email: A <a@x.test>",
        "License-Expression: MIT",
        "Keywords: a,b",
        "Description-Content-Type: text/markdown",
    )
    wheel = pypi.uploaded("My.Pkg", "1.0", *lines, description="# Title\n\ntext")
    pypi.uploaded("My.Pkg", "2.0rc1")
    found = pypi.get("my-pkg/json").get_json()
    info = found["info"]
    assert (info["name"], info["version"], info["summary"]) == ("My.Pkg", "1.0", "Does it")
    assert info["description"].strip() == "# Title\n\ntext"
    assert info["description_content_type"] == "text/markdown"
    assert info["requires_python"] == ">=3.8"
    assert info["requires_dist"] == ["other>=1", "extra-thing; extra == 'more'"]
    assert info["classifiers"] == ["Programming Language :: Python :: 3"]
    assert info["project_urls"] == {"Home": "https://home.test/"}
    assert info["license_expression"] == "MIT"
    assert info["author_email"] == "A <a@x.test>"
    assert set(found["releases"]) == {"1.0", "2.0rc1"}
    [file] = found["urls"]
    assert file["digests"]["sha256"] == wheel.sha256
    assert len(file["digests"]["blake2b_256"]) == 64
    assert (file["packagetype"], file["python_version"]) == ("bdist_wheel", "py3")
    one = pypi.get("my-pkg/2.0rc1/json").get_json()
    assert one["info"]["version"] == "2.0rc1"
    assert "releases" not in one
    assert pypi.get("my-pkg/9/json").status_code == 404
    moved = pypi.get("My_Pkg/1.0.0/json")
    assert moved.status_code == 301
    assert pypi.download(moved.headers["Location"]).status_code in {200, 301}


def test_yanked_releases_do_not_speak_for_the_project(pypi: Pypi, acme: Acme, world: World) -> None:
    pypi.uploaded("My.Pkg", "1.0")
    pypi.uploaded("My.Pkg", "1.1")
    yank(world, acme, "1.1", "bad")
    assert pypi.get("my-pkg/json").get_json()["info"]["version"] == "1.0"
    with world.context():
        assert Package.objects.get().latest_display == "1.0"
    assert pypi.get("my-pkg/1.1/json").get_json()["info"]["yanked_reason"] == "bad"


def test_posting_to_the_index_is_not_possible(pypi: Pypi) -> None:
    answer = pypi.post(a_wheel().form(), "simple/")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    got = pypi.get("legacy/")
    assert got.status_code == 405
    assert "POST" in got.headers["Allow"]


def test_xml_rpc_is_answered_with_a_fault(pypi: Pypi) -> None:
    answer = pypi.client.post("/pypi", data=b"<?xml?>", content_type="text/xml")
    assert answer.status_code == 200
    assert b"<int>-32500</int>" in answer.get_data()


def test_a_source_distribution_alone_is_a_release(pypi: Pypi) -> None:
    assert pypi.upload(an_sdist("My.Pkg", "1.0")).status_code == 200
    [file] = pypi.page()["files"]
    assert pypi.get("my-pkg/json").get_json()["urls"][0]["packagetype"] == "sdist"
    assert file["core-metadata"]  # of metadata version 2.2 and later, with nothing dynamic


def yank(world: World, acme: Acme, number: str, reason: str, *, yanked: bool = True) -> Any:
    with world.context():
        return version_management.set_yanked(
            acme.maintainer.principal,
            str(Package.objects.get(name="my-pkg").id),
            number,
            yanked=yanked,
            reason=reason,
        )


def tell(world: World, acme: Acme, content: PackageContent) -> None:
    with world.context():
        package_management.update_package(
            acme.maintainer.principal,
            str(Package.objects.get(name="my-pkg").id),
            lambda _view: content,
        )
