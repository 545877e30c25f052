"""The WSGI application, as gunicorn loads it in each worker."""

from app import create_app
from config.settings import load_settings

app = create_app(load_settings())
