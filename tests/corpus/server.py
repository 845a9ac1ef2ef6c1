"""A web server with the faults of real ones, in a thread."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Site:
    """One file, how it is served, and what was asked for."""

    content: bytes = b""
    etag: str = '"one"'
    cuts: list[int] = field(default_factory=list)  # bytes after which responses break off, in turn
    ranges: bool = True
    lengths: bool = True
    statuses: list[int] = field(default_factory=list)  # of the first responses
    kind: str = "application/zip"
    moved_to: str = ""
    wrong_offset: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)  # Range and If-Range, "" for none
    address: str = ""


@contextmanager
def serving(content: bytes) -> Iterator[Site]:
    """Serve a file; the Site may be changed at any time."""
    site = Site(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, site)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_port}/tunes.zip"
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, site: Site) -> None:
    wanted, condition = (request.headers.get(key, "") for key in ("Range", "If-Range"))
    site.asked.append((wanted, condition))
    status = site.statuses.pop(0) if site.statuses else 200
    if site.moved_to and request.path == "/tunes.zip":
        request.send_response(302)
        request.send_header("Location", site.moved_to)
        request.end_headers()
        return
    if status >= 400:
        request.send_error(status)
        return
    content, start = site.content, 0
    if wanted and site.ranges and condition in ("", site.etag):
        (start,) = (int(n) for n in re.findall(r"bytes=(\d+)-$", wanted))
        if start >= len(content):
            request.send_error(416)
            return
        status = 206
    body = content[start:]
    request.send_response(status)
    request.send_header("Content-Type", site.kind)
    if site.etag:
        request.send_header("ETag", site.etag)
    if status == 206:
        first = start + site.wrong_offset
        request.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
    if site.lengths:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body[: site.cuts.pop(0)] if site.cuts else body)
