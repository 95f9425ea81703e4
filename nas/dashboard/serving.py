"""A server of one page: the search as its storage has it now. It listens on 127.0.0.1 and reads, no more."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from markupsafe import Markup

from nas.common.errors import UserError
from nas.search.page.content import body, framed
from nas.search.record import KINDS, Record, open_run
from nas.search.results import results

HOST = "127.0.0.1"
STATE = "/state"


class LivePage:
    """What is shown of a run: its page and, when anything has changed, its body anew.

    Raises UserError where the folder is no run.
    """

    def __init__(self, folder: Path, storage: str | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._seen, self._body = "", Markup()
        self._record = open_run(folder, storage, reading=True)

    def page(self) -> str:
        """The whole document."""
        return framed(self._record.settings, self._now()[1], live=STATE)

    def state(self, seen: str) -> dict[str, Any]:
        """`seen`: what names the state now; `body`: the page's body, None where that is what was seen before."""
        now, content = self._now()
        return {"seen": now, "body": None if now == seen else str(content)}

    def _now(self) -> tuple[str, Markup]:
        """What names the state now, and the body, which is made anew where that has changed."""
        with self._lock:
            now = _name_of(self._record)
            if now != self._seen:
                self._body, self._seen = body(results(self._record), self._folder), now
            return now, self._body


def _name_of(record: Record) -> str:
    """Changes whenever a trial begins or ends."""
    states = [[(trial.number, trial.state.value) for trial in record.trials(kind)] for kind in KINDS]
    return hashlib.sha256(json.dumps(states).encode()).hexdigest()[:16]


class Address(str):
    """Where the page is; `wait` returns when the server is shut down."""

    thread: threading.Thread

    def wait(self) -> None:
        """Until then, but so that Ctrl-C is heard."""
        while self.thread.is_alive():
            self.thread.join(0.5)


@contextmanager
def serve(board: LivePage, port: int = 0) -> Iterator[Address]:
    """Serve in threads of their own, until the block ends. Raises UserError where the port is taken."""
    try:
        server = ThreadingHTTPServer((HOST, port), _handler(board))
    except OSError as error:
        raise UserError(f"--port {port}: {error.strerror}; give another, or 0 for a free one") from None
    server.daemon_threads = True
    address = Address(f"http://{HOST}:{server.server_port}/")
    address.thread = threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True)
    address.thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()


def _handler(board: LivePage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            asked = urlsplit(self.path)
            if self.headers.get("Host", "").rpartition(":")[0] not in (HOST, "localhost"):
                self._send(
                    403, "text/plain", "this page is for this machine alone"
                )  # a name that was bent to it
                return
            try:
                if asked.path == "/":
                    self._send(200, "text/html", board.page())
                elif asked.path == STATE:
                    seen = parse_qs(asked.query).get("seen", [""])[0]
                    self._send(200, "application/json", json.dumps(board.state(seen)))
                elif asked.path == "/favicon.ico":
                    self._send(204, "image/x-icon", "")
                else:
                    self._send(404, "text/plain", "there is one page here: /")
            except UserError as error:
                self._send(503, "text/plain", str(error))

        def _send(self, code: int, kind: str, text: str) -> None:
            content = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a line a request would bury what is said."""

    return Handler
