"""The Celery application: ``celery -A celery_app worker`` and ``celery -A celery_app beat``."""

from app import create_app
from config.settings import SettingsError, load_settings
from workers.application import create_celery

try:
    settings = load_settings()
    settings.require_services_and_secrets()
except SettingsError as error:
    raise SystemExit(str(error)) from error

celery = create_celery(settings, create_app)
