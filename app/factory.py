"""Wires the application together; decides nothing."""

from __future__ import annotations

import redis as redis_client
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry

from app import api, jobs, web
from app.auth import sessions
from app.coherence import Coherence, create_coherence
from app.extensions import bind
from app.http import health, lifecycle, metrics
from app.http.addresses import Addresses
from app.http.hot_answers import HotAnswers
from app.http.routing import Router
from app.http.traffic import Traffic
from app.models import connect
from app.protocols import PROTOCOLS
from app.registry import formats, showing
from app.registry.download_counts import DownloadCounter
from app.registry.listings import ListingFolds
from app.storage import create_store
from config.settings import Settings

_REDIS_SECONDS = 2.0


def build_app(settings: Settings) -> Flask:
    """Return the application for these settings."""
    app = Flask("app", static_folder=None, template_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    bind(app, "settings", settings)
    bind(app, "redis", _connect_redis(settings))
    bind(app, "celery", jobs.create_producer(settings))
    bind(app, "store", create_store(settings))
    client = connect(settings.mongodb_url, settings.mongodb_db)
    coherence = create_coherence(
        settings, app.extensions["packhouse.redis"], client[settings.mongodb_db]
    )
    bind(app, "coherence", coherence)
    addresses = Addresses(settings.public_url, settings.trusted_proxies)
    bind(app, "traffic", Traffic(settings, addresses))
    bind(app, "group_commit", showing.create_group_commit())
    bind(app, "downloads", DownloadCounter())
    bind(app, "listing_folds", ListingFolds())
    sessions.install(app, settings)
    formats.install(app, (protocol.format for protocol in PROTOCOLS))
    lifecycle.install(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    for protocol in PROTOCOLS:
        app.register_blueprint(protocol.blueprint, url_prefix=f"/{protocol.segment}")
    api.install(app)
    web.install(app)
    _wrap(app, settings, coherence, addresses)
    return app


def _wrap(app: Flask, settings: Settings, coherence: Coherence, addresses: Addresses) -> None:
    app.wsgi_app = HotAnswers(  # type: ignore[method-assign]  # the documented way to wrap
        Router(app.wsgi_app, PROTOCOLS, addresses),
        coherence,
        addresses,
        app.extensions["packhouse.traffic"],
        app.extensions["packhouse.downloads"],
        enabled=not settings.audit_reads,
        logs=settings.log_level == "DEBUG",
    )


def _connect_redis(settings: Settings) -> redis_client.Redis:
    return redis_client.Redis.from_url(
        settings.redis_url,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
        health_check_interval=30,
        max_connections=200,
        retry=Retry(NoBackoff(), 1),
    )
