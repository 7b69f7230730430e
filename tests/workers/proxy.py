"""A wire that can be made bad: a TCP proxy on loopback that delays, stalls, is cut or refuses. For the bench, too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.patience import PATIENCE_S

CHUNK_BYTES = 64 * 1024
CHUNKS_UNDERWAY_MAX = 512


class Proxy:
    """Forwards `port` to `target_port`, each way `delay_s` later. Its methods may be called from any thread."""

    def __init__(self, target_port: int, delay_s: float = 0.0) -> None:
        self.port = 0
        self.delay_s = delay_s
        self.cut_after: int | None = None
        """Bytes to the target after which each connection is cut."""
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE_S)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    def stall(self) -> None:
        """Nothing goes on any more, but nobody is told: as when a cable is pulled."""
        self._do(self._flowing.clear)

    def flow(self) -> None:
        """Good again: what was stalled goes on, and new connections are let through."""
        self._refusing = False
        self._do(self._flowing.set)

    def cut(self) -> None:
        """Every connection there is ends."""
        self._do(self._abort_all)

    def lead_to(self, target_port: int) -> None:
        """From now on elsewhere, as when a name has several machines behind it; what there was is cut."""
        self._target_port = target_port
        self.cut()

    def refuse(self) -> None:
        """Every connection ends, and new ones do at once."""
        self._refusing = True
        self.cut()

    def _do(self, work: Callable[[], None]) -> None:
        async def done() -> None:
            work()

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(PATIENCE_S)

    def _abort_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        self._server.close()
        self._abort_all()
        self._flowing.set()
        self.delay_s = 0.0
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            there, out = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, out}
        self._writers |= both
        try:
            ways = (self._carry(reader, out, counted=True), self._carry(there, writer, counted=False))
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            for end in both:
                end.transport.abort()
            self._writers -= both

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        underway: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_UNDERWAY_MAX)
        writing = asyncio.create_task(self._write(underway, writer))
        carried = 0
        try:
            while data := await reader.read(CHUNK_BYTES):
                carried += len(data)
                if counted and self.cut_after is not None and carried > self.cut_after:
                    writer.transport.abort()
                    return
                await underway.put((self._loop.time() + self.delay_s, data))
        finally:
            await underway.put((0.0, b""))
            await writing

    async def _write(
        self, underway: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        broken = False
        while True:
            due, data = await underway.get()
            if not data:
                writer.close()
                return
            if broken:
                continue
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._flowing.wait()
            writer.write(data)
            try:
                await writer.drain()
            except ConnectionError:
                broken = True


@contextmanager
def proxy_to(target_port: int, delay_s: float = 0.0) -> Iterator[Proxy]:
    """A proxy that ends with the block."""
    proxy = Proxy(target_port, delay_s)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
