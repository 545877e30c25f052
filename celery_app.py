"""The Celery application: ``celery -A celery_app worker`` and ``celery -A celery_app beat``."""

from app import create_app
from config.settings import load_settings
from workers.application import create_celery

celery = create_celery(load_settings(), create_app)
