"""Read archives that strangers send: strictly, in bounded time and memory."""
