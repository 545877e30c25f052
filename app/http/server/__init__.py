"""The HTTP/1.1 server inside each gunicorn worker: strict, fair between clients, and small.

Spec: RFC 9112 (HTTP/1.1) and PEP 3333 (WSGI). Why it is not gevent's own handler:
docs/decisions/0005-http-server.md.
"""
