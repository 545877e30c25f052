"""What stands between the socket and the views: addresses, routing, hot answers, errors."""
