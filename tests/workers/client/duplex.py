"""The real client, talked to while it runs, for the tests that need it: started and told with this package's
own words.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from uuid import uuid4

from tests.patience import PATIENCE_S
from workers.client import words
from workers.client.launch import ENVIRONMENT, Launch, command
from workers.client.listen.activity import Activity
from workers.client.listen.messages import Message, Result
from workers.client.listen.stream import read
from workers.client.listen.verdict import Exit, Seen, Verdict, judge
from workers.client.probe.locating import bundled_client

FLAGS = frozenset({"--replay-user-messages", "--permission-prompts"})


class Duplex:
    """One client process. Leaves nothing running."""

    def __init__(self, launch: Launch, *, base_url: str, token: str, config_dir: Path) -> None:
        self.lines: list[Message] = []
        self.told: set[str] = set()
        self.seen, self.activity = Seen(), Activity()
        self._queue: Queue[bytes | None] = Queue()
        client = bundled_client()
        assert client is not None
        config_dir.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            command(client, launch, FLAGS, ()),
            cwd=launch.cwd,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(config_dir),
                "CLAUDE_CONFIG_DIR": str(config_dir),
                "ANTHROPIC_BASE_URL": base_url,
                "CLAUDE_CODE_OAUTH_TOKEN": token,
                "CLAUDE_CODE_MAX_RETRIES": "1",
                **ENVIRONMENT,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Duplex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def say(self, text: str) -> str:
        uuid = str(uuid4())
        self.told.add(uuid)
        self.send(words.user_message(text, uuid))
        return uuid

    def send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def until(self, holds: Callable[[Message], bool], timeout_s: float = PATIENCE_S) -> Message:
        """The next line that `holds`; fails with all that was said if the client ends or is silent before."""
        while True:
            try:
                payload = self._queue.get(timeout=timeout_s)
            except Empty:
                raise AssertionError(f"nothing for {timeout_s} s after {self.lines}") from None
            assert payload is not None, f"the client ended after {self.lines}"
            line = read(payload)
            self.lines.append(line)
            self.seen, self.activity = self.seen.after(line), self.activity.after(line)
            if holds(line):
                return line

    def rest(self) -> Verdict:
        """Wait until the client is at rest, and judge its last turn."""
        self.until(lambda line: self.activity.at_rest(self.told))
        results = [line for line in self.lines if isinstance(line, Result)]
        return judge(results[-1], self.seen, None)

    def kill(self) -> Exit:
        os.killpg(self._process.pid, signal.SIGKILL)
        return self.ended()

    def ended(self) -> Exit:
        """Wait for the process to end by itself."""
        assert self._process.stderr is not None
        code = self._process.wait(timeout=PATIENCE_S)
        stderr = self._process.stderr.read().decode()
        return Exit(None, -code, stderr) if code < 0 else Exit(code, None, stderr)

    def result(self) -> Result | None:
        """The last result of a client that has ended."""
        self._reader.join()
        left: list[Message] = []
        while (payload := self._queue.get()) is not None:
            left.append(read(payload))
        for line in left:
            self.seen = self.seen.after(line)
        return next((line for line in reversed(self.lines + left) if isinstance(line, Result)), None)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for payload in self._process.stdout:
            self._queue.put(payload)
        self._queue.put(None)
