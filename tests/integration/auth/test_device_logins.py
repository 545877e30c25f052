from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from app import audit
from app.auth import device_logins, tokens, users
from app.auth.principal import ANONYMOUS, ClientInfo, CredentialKind, Principal, TokenLimits
from app.auth.token_rules import TokenSpec
from app.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from app.extensions import bind
from app.models import AuditRecord, DeviceLogin, User
from app.models.fields import now

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from app.auth.tokens import IssuedToken


@pytest.fixture
def owner(alice: User) -> Principal:
    return users.principal_of(alice, CredentialKind.SESSION)


def test_an_approved_sign_in_yields_a_token_once(
    owner: Principal, client: ClientInfo, recorded: Callable[..., list[AuditRecord]]
) -> None:
    started = device_logins.start("npm", client)
    assert device_logins.collect(started.poll_secret) is None
    shown = device_logins.pending(started.public_id)
    assert (shown.ip, shown.client, shown.protocol) == (client.ip, client.user_agent, "npm")
    device_logins.approve(owner, started.public_id)
    issued = device_logins.collect(started.poll_secret)
    assert issued is not None
    principal = tokens.authenticate(issued.secret, client)
    assert principal.user_id == owner.user_id
    assert principal.limits == TokenLimits(protocols=frozenset({"npm"}))
    assert issued.token.kind == "login"
    with pytest.raises(NotFound):
        device_logins.collect(started.poll_secret)
    assert len(recorded(audit.AuditAction.TOKEN_CREATE)) == 1


def test_no_secret_is_stored_and_neither_leads_to_the_other(
    owner: Principal, client: ClientInfo
) -> None:
    started = device_logins.start("npm", client)
    device_logins.approve(owner, started.public_id)
    (row,) = DeviceLogin.objects.as_pymongo()
    assert started.poll_secret not in repr(row)
    assert started.poll_secret not in repr(started)
    assert "srg_" not in repr(row)
    assert len(started.public_id) >= 43  # 256 bits in base64
    assert len(started.poll_secret) >= 43
    with pytest.raises(NotFound):
        device_logins.collect(started.public_id)
    with pytest.raises(NotFound):
        device_logins.pending(started.poll_secret)


def test_of_many_that_collect_at_once_one_gets_the_token(
    app: Flask, owner: Principal, client: ClientInfo
) -> None:
    started = device_logins.start("npm", client)
    device_logins.approve(owner, started.public_id)

    def collect(_: int) -> IssuedToken | None:
        with app.app_context():
            try:
                return device_logins.collect(started.poll_secret)
            except NotFound:
                return None

    with ThreadPoolExecutor(8) as pool:
        issued = [one for one in pool.map(collect, range(8)) if one is not None]
    assert len(issued) == 1


def test_a_denied_sign_in_yields_nothing(owner: Principal, client: ClientInfo) -> None:
    started = device_logins.start("npm", client)
    device_logins.deny(owner, started.public_id)
    with pytest.raises(NotFound):
        device_logins.approve(owner, started.public_id)
    with pytest.raises(Forbidden):
        device_logins.collect(started.poll_secret)
    with pytest.raises(NotFound):
        device_logins.collect(started.poll_secret)


def test_it_is_decided_once(owner: Principal, client: ClientInfo) -> None:
    started = device_logins.start("npm", client)
    device_logins.approve(owner, started.public_id)
    for decide in (device_logins.approve, device_logins.deny):
        with pytest.raises(NotFound):
            decide(owner, started.public_id)
    with pytest.raises(NotFound):
        device_logins.pending(started.public_id)


def test_it_expires_after_ten_minutes(owner: Principal, client: ClientInfo) -> None:
    started = device_logins.start("npm", client)
    assert timedelta(minutes=9) < started.expires_at - now() <= timedelta(minutes=10)
    DeviceLogin.objects.update(set__expires_at=now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        device_logins.approve(owner, started.public_id)
    with pytest.raises(NotFound):
        device_logins.collect(started.poll_secret)


def test_a_person_approves_and_no_token(owner: Principal, client: ClientInfo) -> None:
    started = device_logins.start("npm", client)
    issued = tokens.create(owner, TokenSpec(name="ci"))
    for decide in (device_logins.approve, device_logins.deny):
        with pytest.raises(Forbidden):
            decide(tokens.authenticate(issued.secret, client), started.public_id)
        with pytest.raises(Unauthenticated):
            decide(ANONYMOUS, started.public_id)
    assert device_logins.collect(started.poll_secret) is None


def test_an_account_that_was_closed_meanwhile_gets_no_token(
    owner: Principal, root: Principal, client: ClientInfo
) -> None:
    started = device_logins.start("npm", client)
    device_logins.approve(owner, started.public_id)
    users.deactivate(root, owner.user)
    with pytest.raises(NotFound):
        device_logins.collect(started.poll_secret)


def test_a_long_client_name_is_cut(owner: Principal) -> None:
    started = device_logins.start("npm", ClientInfo(user_agent="npm/11 " * 100))
    device_logins.approve(owner, started.public_id)
    issued = device_logins.collect(started.poll_secret)
    assert issued is not None
    assert len(issued.token.name) == 100


def test_nobody_fills_the_database_with_sign_ins(
    app: Flask, client: ClientInfo, other_client: ClientInfo
) -> None:
    for _ in range(device_logins.MOST_FROM_AN_ADDRESS):
        device_logins.start("npm", client)
    with pytest.raises(TooManyRequests) as refused:
        device_logins.start("npm", client)
    assert refused.value.retry_after_seconds is not None
    assert 590 < refused.value.retry_after_seconds <= 600
    assert DeviceLogin.objects.count() == device_logins.MOST_FROM_AN_ADDRESS
    device_logins.start("npm", other_client)
    settings = app.extensions["packhouse.settings"]
    exempt = (ip_network(f"{client.ip}/32"),)
    bind(app, "settings", settings.model_copy(update={"rate_limit_exempt_networks": exempt}))
    device_logins.start("npm", client)


@pytest.mark.usefixtures("app")
def test_an_ipv6_network_is_one_address() -> None:
    for number in range(device_logins.MOST_FROM_AN_ADDRESS):
        device_logins.start("npm", ClientInfo(ip=f"2001:db8::{number:x}"))
    with pytest.raises(TooManyRequests):
        device_logins.start("npm", ClientInfo(ip="2001:db8::ffff"))
    device_logins.start("npm", ClientInfo(ip="2001:db8:0:1::1"))


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("started", "approved", "is_elsewhere"),
    [
        ("198.51.100.7", "198.51.100.7", False),
        ("198.51.100.7", "198.51.100.8", True),
        ("::ffff:198.51.100.7", "198.51.100.7", False),
        ("2001:db8::1", "2001:db8::2:0:0:9", False),  # a machine changes the lower half
        ("2001:db8::1", "2001:db8:0:1::1", True),
        ("198.51.100.7", "2001:db8::1", True),
        ("", "", False),
        ("", "198.51.100.7", True),
    ],
)
def test_where_a_client_is_tells_whether_it_may_be_ones_own(
    started: str, approved: str, *, is_elsewhere: bool
) -> None:
    public_id = device_logins.start("npm", ClientInfo(ip=started)).public_id
    login = device_logins.pending(public_id)
    assert device_logins.is_elsewhere(login, ClientInfo(ip=approved)) is is_elsewhere
