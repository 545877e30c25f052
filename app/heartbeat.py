"""The sign of life of the workers and their schedule, as a key in Redis."""

HEARTBEAT_KEY = "worker:heartbeat"
"""Set in Redis, after the prefix, while both a worker and the schedule live."""
