"""Large files over HTTP: streamed, resumed where they broke off, never taken for whole too early.

What has arrived waits in NAME.part; NAME.part.json beside it says where from, so that only the
same version of the same file is ever continued (RFC 9110, If-Range and Content-Range).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from email.message import Message
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import rnnmusic
from rnnmusic.errors import DeviceError, InputError, RnnMusicError
from rnnmusic.files import replacing_file

TIMEOUT_S = 30.0  # without a byte
ATTEMPTS = 5  # in a row that bring nothing new
PAUSE_S = 1.0  # before the second of them, doubled for each further one
SPARE_BYTES = 64 << 20  # that a download leaves free on the disk
_CHUNK = 1 << 18

Tick = Callable[[int, int | None], None]


@dataclass(frozen=True)
class _State:
    """Whose beginning NAME.part is."""

    url: str
    validator: str  # a strong ETag or the date of the last change; without one nothing is resumed
    total_bytes: int | None


class _InterruptedError(Exception):
    """Worth trying again."""


def download(
    urls: Sequence[str],
    part: Path,
    *,
    size_bytes: int | None = None,
    most_bytes: int,
    tick: Tick | None = None,
) -> str:
    """Download the first address that answers to `part`, or the rest of it; return that address.

    size_bytes: what it must have, where that is known. `tick(done, total)` gets bytes, total None
    where the server doesn't say. InputError when a server refuses or what it has is another file;
    DeviceError when none can be reached. What has arrived stays, and the next call continues it.
    """
    failures: list[RnnMusicError] = []
    for url in urls:
        transfer = _Transfer(url, part, size_bytes, most_bytes, tick or (lambda done, total: None))
        try:
            transfer.run()
            return url
        except (InputError, DeviceError) as error:
            failures.append(error)
    # That a server answered says more than that another couldn't be reached.
    raise next((f for f in failures if isinstance(f, InputError)), failures[0])


def discard(part: Path) -> None:
    """Forget what has arrived of a download."""
    part.unlink(missing_ok=True)
    _state_file(part).unlink(missing_ok=True)


class _Transfer:
    def __init__(
        self, url: str, part: Path, size_bytes: int | None, most_bytes: int, tick: Tick
    ) -> None:
        self._url = url
        self._host = urlsplit(url).hostname
        self._part = part
        self._size_bytes = size_bytes
        self._most_bytes = most_bytes
        self._tick = tick

    def run(self) -> None:
        """Ask again until all is there; InputError or DeviceError when that leads nowhere."""
        farthest, fruitless = self._arrived(), 0
        while True:
            try:
                self._pull()
                return
            except (_InterruptedError, TimeoutError, ConnectionError, HTTPException) as error:
                reason = str(error) or type(error).__name__
            # Against the farthest point ever: a file that keeps starting anew is no progress.
            fruitless = 0 if self._arrived() > farthest else fruitless + 1
            farthest = max(farthest, self._arrived())
            if fruitless >= ATTEMPTS:
                raise DeviceError(
                    f"{self._host} broke off {ATTEMPTS} times in a row ({reason}) after "
                    f"{farthest} bytes of {self._url}; try again later: it goes on from there."
                )
            time.sleep(PAUSE_S * 2 ** max(0, fruitless - 1))

    def _pull(self) -> None:
        """One request; returns when the file is whole."""
        state = _read_state(self._part)
        offset = self._arrived()
        if state is None or state.url != self._url or not state.validator:
            offset = 0
        elif offset == state.total_bytes:
            return
        with self._ask(offset, state) as response:
            offset, total = self._extent(response, offset)
            self._check(total, offset, response.headers)
            new = _State(self._url, _validator(response.headers), total)
            if not offset:
                self._part.write_bytes(b"")
            _write_state(self._part, new)
            done = self._receive(response, offset, total)
        if total is not None and done < total:
            raise _InterruptedError("the connection was closed early")

    def _ask(self, offset: int, state: _State | None) -> HTTPResponse:
        headers = {
            "User-Agent": f"rnnmusic/{rnnmusic.__version__}",
            "Accept-Encoding": "identity",  # the bytes of the file itself
        }
        if offset and state:
            headers |= {"Range": f"bytes={offset}-", "If-Range": state.validator}
        request = urllib.request.Request(self._url, headers=headers)
        try:
            response: HTTPResponse = _opener().open(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and offset:
                discard(self._part)  # the server has less of it than we do
                raise _InterruptedError("the file has become shorter") from error
            if error.code in (408, 425, 429) or error.code >= 500:
                raise _InterruptedError(f"{error.code} {error.reason}") from error
            raise InputError(
                f"{self._host} refuses {self._url}: {error.code} {error.reason}."
            ) from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise _InterruptedError("it doesn't answer") from error
            raise DeviceError(
                f"Can't reach {self._host} ({_words(error.reason)}): there is no network here, or "
                f"none that leads to {self._url}."
            ) from error
        return response

    def _extent(self, response: HTTPResponse, offset: int) -> tuple[int, int | None]:
        """Where in the file the response starts, and how long the file is."""
        if response.status == 206:
            match = re.fullmatch(
                r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "")
            )
            if not match or int(match[1]) != offset:
                discard(self._part)
                raise _InterruptedError("it sent another part than was asked for")
            return offset, None if match[2] == "*" else int(match[2])
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None

    def _check(self, total: int | None, offset: int, headers: Message) -> None:
        if headers.get_content_type() == "text/html":
            raise InputError(f"{self._host} sent a web page for {self._url}, not the file.")
        if None not in (total, self._size_bytes) and total != self._size_bytes:
            raise InputError(
                f"The file at {self._url} has changed: it has {total} bytes, "
                f"{self._size_bytes} were published."
            )
        wanted = (total or 0) - offset
        if wanted > self._most_bytes:
            raise self._too_long()
        free = shutil.disk_usage(self._part.parent).free
        if wanted + SPARE_BYTES > free:
            raise InputError(
                f"{self._url} needs {wanted} bytes more and {self._part.parent} has {free} free; "
                "make room, or give another folder."
            )

    def _receive(self, response: HTTPResponse, done: int, total: int | None) -> int:
        with self._part.open("ab") as file:
            self._tick(done, total)
            while chunk := response.read1(_CHUNK):
                done += len(chunk)
                if done > self._most_bytes:
                    raise self._too_long()
                file.write(chunk)
                self._tick(done, total)
            file.flush()
            os.fsync(file.fileno())
        return done

    def _too_long(self) -> InputError:
        return InputError(
            f"{self._url} goes on after {self._most_bytes} bytes, far more than expected."
        )

    def _arrived(self) -> int:
        return self._part.stat().st_size if self._part.is_file() else 0


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone, and never out of https."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            fp.close()
            raise InputError(f"{req.full_url} leads to {newurl}, which isn't safe to follow.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    # Not build_opener, which adds file:, ftp: and data: addresses.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        _Redirects,
    ):
        opener.add_handler(handler())
    return opener


def _validator(headers: Message) -> str:
    """What If-Range may name: a strong ETag, else the date of the last change, else nothing."""
    tag = str(headers.get("ETag", ""))
    return tag if tag.startswith('"') else str(headers.get("Last-Modified", ""))


def _state_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_state(part: Path) -> _State | None:
    try:
        state: Any = json.loads(_state_file(part).read_text(encoding="utf-8"))
        return _State(str(state["url"]), str(state["validator"]), state["total_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_state(part: Path, state: _State) -> None:
    with replacing_file(_state_file(part)) as temporary:
        temporary.write_text(json.dumps(asdict(state)) + "\n", encoding="utf-8")


def _words(reason: object) -> str:
    return getattr(reason, "strerror", None) or str(reason)
