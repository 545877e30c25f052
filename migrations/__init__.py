"""Numbered, idempotent database migrations, and their runner."""
