"""What faces follow: after each commit what has changed, line by line, over the control socket.

A follower reads the database for a snapshot at a revision R, after it was told that it follows, and takes over every
change of R or later: so none is missing, and no history of changes has to be kept. Who reads slowly, or never, costs
nobody anything: each follower has a box of bounded size. What has changed twice before it was read is there once, as it
is now; events are not put together like that. A box that would overflow is emptied, and its reader is told to read
again (`resync`): the state from the database, the events it has not had from the journal, by their numbers. So no event
is lost.

Lines, each a JSON object (their schemas: fleet/views/schema):

    → {"kind":"follow","v":1,"topics":["state","events"]}
    ← {"ok":true,"v":1,"revision":8840}
    ← {"t":"change","revision":8841,"put":{"tasks":{"t9":{…}}},"gone":{"workers":["t9.2"]}}
    ← {"t":"event","v":1,"seq":51233,"at":"…","type":"bucket.refused","level":"warning","task":"t9", … ,"data":{…}}
    ← {"t":"resync","revision":9002}
    ← {"t":"beat","revision":9002,"at":"…"}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import anyio
from anyio.abc import ByteSendStream
from anyio.lowlevel import checkpoint

from fleet.core.decisions import Note
from fleet.core.model import Fleet
from fleet.core.model.maps import changed
from fleet.engine import Applied
from fleet.moments import iso
from fleet.ports import Clock

KIND = "follow"
VERSION = 1
"""Of the lines. Within it keys and kinds of lines are only added."""

TOPICS = ("state", "events")
FOLLOWERS_MAX = 64
THINGS_MAX = 4_096
"""In a box, changed things and events together."""

BYTES_MAX = 8_000_000
APART_S = 0.05
"""Between one handing on and the next: nobody sees more than 20 pictures a second."""

BEAT_S = 5.0
LOOK_S = 1.0
"""How often it is looked whether time alone has changed what is shown: a reset, say."""

AT_ONCE = 20
"""So many things are made into lines before others have their turn."""

MAPS = ("tasks", "accounts", "buckets", "attempts", "hosts")

Record = dict[str, Any]
Thing = tuple[str, str]
"""A section of what is shown (`tasks`, `accounts` …), and the key there."""

Shape = Callable[[Fleet, Mapping[str, set[str]], int], Iterable[tuple[Thing, Any]]]
"""How the things are shown that these keys of the fleet's maps (`MAPS`, `policy`) stand for, at a moment (ms); None for
what is gone."""

ShownEvent = Callable[[int, int, Note], Record]
"""How a line of the journal is shown, of its number, its time (ms) and the note."""


class Box:
    """What one follower has not read yet."""

    def __init__(self, topics: frozenset[str], things_max: int = THINGS_MAX) -> None:
        self._topics = topics
        self._things_max = things_max
        self._things: dict[Thing, str | None] = {}
        self._events: list[str] = []
        self._bytes = 0
        self._overflown = False
        self.filled = anyio.Event()

    def put(self, things: Mapping[Thing, str | None], events: Iterable[str]) -> None:
        if self._overflown:
            return
        if "state" in self._topics:
            for thing, text in things.items():
                self._bytes += len(text or "") - len(self._things.get(thing) or "")
                self._things[thing] = text
        if "events" in self._topics:
            for line in events:
                self._events.append(line)
                self._bytes += len(line)
        if self._things or self._events:
            self.filled.set()
        if len(self) > self._things_max or self._bytes > BYTES_MAX:
            self.overflow()

    def __len__(self) -> int:
        return len(self._things) + len(self._events)

    def overflow(self) -> None:
        self._empty()
        self._overflown = True
        self.filled.set()

    def take(self, revision: int) -> list[str]:
        """The lines for all that is in it; nothing is, afterwards. `revision` is the one that has been handed on."""
        lines = []
        if self._overflown:
            lines.append(_line(t="resync", revision=revision))
        if self._things:
            lines.append(_change(revision, self._things))
        lines += self._events
        self._empty()
        self._overflown = False
        self.filled = anyio.Event()
        return lines

    def _empty(self) -> None:
        self._things, self._events, self._bytes = {}, [], 0


class Feed:
    """Of one coordinator. `publish` never waits; the lines are made, once for all followers, and sent elsewhere."""

    def __init__(
        self,
        fleet: Fleet,
        revision: int,
        shape: Shape,
        event: ShownEvent,
        clock: Clock,
        things_max: int = THINGS_MAX,
    ) -> None:
        self._fleet, self._revision = fleet, revision
        self._shape, self._event, self._clock = shape, event, clock
        self._things_max = things_max
        self._boxes: list[Box] = []
        self._handed_on = revision
        self._touched: dict[str, set[str]] = {}
        self._told: list[tuple[int, int, Note]] = []
        self._by_time: dict[Thing, str | None] = {}
        """The accounts as they were handed on last; what time changes it changes once, and never back."""
        self._looked_ms = 0
        self._stirred = anyio.Event()

    # --- what has happened ---

    def publish(self, applied: Applied) -> None:
        """To be called after each commit, in their order."""
        change, committed = applied.change, applied.committed
        if change is None or committed is None:
            return
        self._fleet, self._revision = change.after, committed.revision
        if not self._boxes:
            self._handed_on = self._revision
            return
        for name in MAPS:
            before, after = getattr(change.before, name), getattr(change.after, name)
            keys = changed(before, after)
            if name == "attempts":
                keys = [key for key in keys if _shows(before.get(key), after.get(key))]
            if keys:
                self._touched.setdefault(name, set()).update(keys)
        if change.before.policy is not change.after.policy:
            self._touched.setdefault("policy", set()).add("policy")
        self._told += [
            (seq, at_ms, note) for seq, (at_ms, note) in zip(committed.told, change.notes, strict=True)
        ]
        self._stirred.set()

    def hand_on(self) -> Iterator[None]:
        """Makes lines of what was published, and puts them into all boxes. Each step is short."""
        touched, told, fleet, revision = self._touched, self._told, self._fleet, self._revision
        self._touched, self._told = {}, []
        if sum(map(len, touched.values())) + len(told) > self._things_max:
            self._handed_on = max(revision, self._handed_on)
            for box in self._boxes:
                box.overflow()
            return
        things: dict[Thing, str | None] = {}
        for n, (thing, shown) in enumerate(self._shape(fleet, touched, self._clock.now_ms())):
            things[thing] = None if shown is None else _json(shown)
            if n % AT_ONCE == AT_ONCE - 1:
                yield
        events = []
        for n, (seq, at_ms, note) in enumerate(told):
            events.append(_json({"t": "event", "v": VERSION, **self._event(seq, at_ms, note)}))
            if n % AT_ONCE == AT_ONCE - 1:
                yield
        self._by_time |= {thing: text for thing, text in things.items() if thing[0] == "accounts"}
        self._handed_on = max(revision, self._handed_on)
        for box in self._boxes:
            box.put(things, events)

    def look_at_time(self) -> None:
        """Hands on what time alone has changed since it was handed on last; not while something else is to be handed on
        first, which may have changed it, too."""
        if self._touched or self._told:
            return
        now_ms = self._clock.now_ms()
        if now_ms < self._looked_ms:  # a clock that was put back: what has passed may come again
            self._by_time = {}
        self._looked_ms = now_ms
        touched = {"accounts": set(self._fleet.accounts)}
        shown = self._shape(self._fleet, touched, now_ms)
        texts = {thing: None if one is None else _json(one) for thing, one in shown if thing[0] == "accounts"}
        moved = {thing: text for thing, text in texts.items() if self._by_time.get(thing, "") != text}
        self._by_time |= moved
        for box in self._boxes if moved else ():
            box.put(moved, ())

    # --- followers ---

    async def run(self, complain: Callable[[str, str], None]) -> None:
        """Hands on what is published, until cancelled. `complain` is told what went wrong with what."""
        looked_s = anyio.current_time()
        while True:
            with anyio.move_on_after(LOOK_S):
                await self._stirred.wait()
            try:
                if self._stirred.is_set():
                    self._stirred = anyio.Event()
                    for _ in self.hand_on():
                        await checkpoint()
                if self._boxes and anyio.current_time() - looked_s >= LOOK_S:
                    looked_s = anyio.current_time()
                    self.look_at_time()
            # The border between the coordinator and what it is shown as: nothing that cannot be shown may end the work.
            except Exception as failed:  # noqa: BLE001
                complain("feed", f"what has changed could not be told to those who follow: {failed!r}")
                for box in self._boxes:
                    box.overflow()
            await anyio.sleep(APART_S)

    def open(self, request: Mapping[str, Any]) -> Box | str:
        """A box for a new follower, or why there is none for it."""
        if request.get("v", VERSION) != VERSION:
            return f"this coordinator speaks version {VERSION} of the feed: ask for that"
        topics = request.get("topics", list(TOPICS))
        if not isinstance(topics, list) or not topics or any(topic not in TOPICS for topic in topics):
            return f"the topics are a list of some of {', '.join(TOPICS)}"
        if len(self._boxes) >= FOLLOWERS_MAX:
            return f"{FOLLOWERS_MAX} programs follow this coordinator already: end one (fleet events --follow is one)"
        box = Box(frozenset(topics), self._things_max)
        self._boxes.append(box)
        return box

    def close(self, box: Box) -> None:
        self._boxes.remove(box)
        if not self._boxes:
            self._touched, self._told, self._by_time = {}, [], {}

    def taken(self, box: Box) -> list[str]:
        return box.take(self._handed_on)

    async def follow(self, stream: ByteSendStream, request: Mapping[str, Any]) -> None:
        """Sends to one follower until it goes away, or the coordinator does."""
        box = self.open(request)
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # it has gone
            if isinstance(box, str):
                await stream.send(_bytes([_line(ok=False, error=box)]))
                return
            try:
                await self._send(stream, box)
            finally:
                self.close(box)

    async def _send(self, stream: ByteSendStream, box: Box) -> None:
        await stream.send(_bytes([_line(ok=True, v=VERSION, revision=self._revision)]))
        while True:
            with anyio.move_on_after(BEAT_S):
                await box.filled.wait()
            await stream.send(_bytes(self.taken(box) or [self._beat()]))

    def _beat(self) -> str:
        return _line(t="beat", revision=self._handed_on, at=iso(self._clock.now_ms()))


def _shows(was: Any, now: Any) -> bool:
    """Of a worker only its state is shown: what it has used changes many times a second."""
    return was is None or now is None or was.state != now.state


def _change(revision: int, things: Mapping[Thing, str | None]) -> str:
    """Of texts that are JSON already."""
    put: dict[str, list[str]] = {}
    gone: dict[str, list[str]] = {}
    for (section, key), text in things.items():
        if text is None:
            gone.setdefault(section, []).append(key)
        else:
            put.setdefault(section, []).append(f"{_json(key)}:{text}")
    sections = ",".join(f"{_json(name)}:{{{','.join(texts)}}}" for name, texts in put.items())
    return f'{{"t":"change","revision":{revision},"put":{{{sections}}},"gone":{_json(gone)}}}'


def _line(**what: Any) -> str:
    return _json(what)


def _json(what: Any) -> str:
    return json.dumps(what, ensure_ascii=False, separators=(",", ":"))


def _bytes(lines: Iterable[str]) -> bytes:
    """What is half of a surrogate pair becomes a question mark."""
    return "".join(f"{line}\n" for line in lines).encode(errors="replace")
