"""The loopback server: HTTP in, the stage's replies out."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from fleet.double import wire
from fleet.double.controls import AccountControl, obey
from fleet.double.request_body import read_body
from fleet.double.script import Script
from fleet.double.stage import Reply, Request, Stage, as_table

PING_EVERY_S = 5.0
# A client told of a block and of the stream's end at once behaves as if it had not heard the block.
HEARD_AFTER_S = 0.4
CONTENT = {None: wire.content_events, "early": wire.cut_content, "late": wire.late_cut_content}
MODELS = ("claude-haiku-4-5", "claude-sonnet-5-5", "claude-opus-4-8", "claude-fable-5")


class Double:
    """A Messages API on `address`, played from a script.

    >>> with Double(script) as double:
    ...     start_client(base_url=double.base_url)
    """

    def __init__(
        self,
        script: Script,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._stage = Stage(script, clock)
        self._address = address
        self._server = _Server((address, port), self._stage)
        self._thread = threading.Thread(target=self._serve, name="double")
        self._started = False

    @property
    def base_url(self) -> str:
        return f"http://{self._address}:{self._server.server_port}"

    @property
    def requests(self) -> list[Request]:
        """Every request so far, oldest first."""
        with self._stage.changed:
            return list(self._stage.log)

    @property
    def turns(self) -> list[Request]:
        """The requests of conversations alone: no probes, no greetings."""
        return [entry for entry in self.requests if entry.part is not None]

    def account(self, name: str) -> AccountControl:
        """The strings of one account. Raises KeyError with the names there are."""
        return AccountControl(self._stage, name)

    def wait_for(self, holds: Callable[[list[Request]], bool], timeout_s: float = 10.0) -> list[Request]:
        """The requests, as soon as `holds` is true of them. Raises TimeoutError with what did come."""
        with self._stage.changed:
            if not self._stage.changed.wait_for(lambda: holds(self._stage.log), timeout_s):
                came = [(entry.account, entry.task, entry.step, entry.outcome) for entry in self._stage.log]
                raise TimeoutError(
                    f"the awaited request did not come within {timeout_s:g} s; there were {came}"
                )
            return list(self._stage.log)

    def start(self) -> Double:
        if not self._started:
            self._started = True
            self._thread.start()
        return self

    def stop(self) -> None:
        """Close every connection and wait for all threads to end."""
        if self._started:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Double:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close waits for them
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], stage: Stage) -> None:
        self.stage = stage
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Conversation)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        self.stopping.set()
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):  # the client may have closed it first
                    connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


class _Conversation(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class names it so)
        """Silent: the log of requests is the log."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that goes away has its own reasons
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().finish()

    def do_HEAD(self) -> None:
        self._greet()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/_double/requests":
            self._send_json(200, {"requests": self._logged()})
        elif path == "/_double/accounts":
            self._send_json(200, self._accounts())
        elif path == "/api/oauth/usage":
            self._send(self.server.stage.usage(self.path, self._lower_headers()))
        else:
            self._greet()

    def do_POST(self) -> None:
        try:
            raw = read_body(self.rfile, self.headers)
        except ValueError as wrong:
            self.close_connection = True  # nobody knows where the next request would begin
            self._send_json(400, wire.error_body("invalid_request_error", str(wrong), "req_double_framing"))
            return
        path = urlsplit(self.path).path
        if path.startswith("/_double/"):
            self._control(path, raw)
        elif path in ("/v1/messages", "/v1/messages/count_tokens"):
            self._message(path, raw)
        else:
            self._greet()

    def _message(self, path: str, raw: bytes) -> None:
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            error = wire.error_body(
                "invalid_request_error", "the body is no JSON object", "req_double_invalid"
            )
            return self._send_json(400, error)
        headers = self._lower_headers()
        if path.endswith("/count_tokens"):
            return self._send(self.server.stage.count_tokens(self.path, headers, body, len(raw)))
        reply = self.server.stage.message(self.path, headers, body)
        return self._send(reply, stream=body.get("stream") is True)

    def _control(self, path: str, raw: bytes) -> None:
        match path.split("/")[2:]:
            case ["account", account, order]:
                self._obey(account, order, raw)
            case _:
                self._send_json(404, {"error": f"no control {path!r}; POST /_double/account/NAME/ORDER"})

    def _obey(self, account: str, order: str, raw: bytes) -> None:
        try:
            obey(self.server.stage, account, order, json.loads(raw or b"{}"))
        except (KeyError, TypeError, ValueError) as wrong:
            self._send_json(400, {"error": str(wrong.args[0])})
        else:
            self._send_json(200, {})

    def _greet(self) -> None:
        """A harmless answer to whatever else the client asks when it starts."""
        path = urlsplit(self.path).path
        status, body = 200, {}
        if path == "/v1/models":
            body = {
                "data": [{"type": "model", "id": name, "display_name": name} for name in MODELS],
                "has_more": False,
            }
        elif self.command != "HEAD" and path not in ("/", "/api/hello"):
            status, body = (
                404,
                wire.error_body("not_found_error", f"the double has no {path}", "req_double_none"),
            )
        self._send(self.server.stage.other(self.command, self.path, self._lower_headers(), status, body))

    def _send(self, reply: Reply, *, stream: bool = False) -> None:
        if reply.answer is None:
            return self._send_json(reply.status, reply.body or {}, reply)
        if stream:
            return self._send_stream(reply, reply.answer)
        if reply.hang:
            self.server.stopping.wait()
        self.server.stopping.wait(reply.delay_s)
        if reply.cut or reply.hang:
            return self._cut()
        return self._send_json(reply.status, wire.as_json(reply.answer), reply)

    def _send_json(self, status: int, body: Mapping[str, Any], reply: Reply | None = None) -> None:
        content = json.dumps(body).encode()
        self._send_head(
            status, reply, {"content-type": "application/json", "content-length": str(len(content))}
        )
        if self.command != "HEAD":
            self.wfile.write(content)

    def _send_stream(self, reply: Reply, answer: wire.Answer) -> None:
        framing = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}
        self._send_head(reply.status, reply, framing)
        self._send_chunk(wire.opening_event(answer))
        self._wait(None if reply.hang else reply.delay_s)
        for event in CONTENT[reply.cut](answer):
            self._send_chunk(event)
        if reply.cut == "late":
            self._wait(HEARD_AFTER_S)
        if reply.cut:
            return self._cut()
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _wait(self, seconds: float | None) -> None:
        """Let time pass inside an answer (None: until the double stops), with pings as the API sends them."""
        until = time.monotonic() + (float("inf") if seconds is None else seconds)
        while (left := until - time.monotonic()) > 0:
            if self.server.stopping.wait(min(left, PING_EVERY_S)):
                raise ConnectionAbortedError("the double stops")
            if left > PING_EVERY_S:
                self._send_chunk(wire.PING)

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _send_head(self, status: int, reply: Reply | None, framing: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in _reply_headers(reply):
            self.send_header(name, value)
        for name, value in framing.items():
            self.send_header(name, value)
        self.end_headers()

    def _lower_headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _logged(self) -> list[dict[str, Any]]:
        with self.server.stage.changed:
            return [as_table(entry) for entry in self.server.stage.log]

    def _accounts(self) -> dict[str, Any]:
        stage = self.server.stage
        return {name: {"windows": AccountControl(stage, name).windows()} for name in stage.accounts}


def _reply_headers(reply: Reply | None) -> Iterator[tuple[str, str]]:
    if reply is not None:
        yield "request-id", reply.request_id
        yield from reply.headers.items()
