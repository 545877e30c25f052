"""What runs outside of requests: Celery tasks, and when they run."""
