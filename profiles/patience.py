"""How long is waited for a keyring: it may have opened a prompt that nobody sees."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Condition, Thread
from typing import Any, TypeVar

from profiles.errors import NoUsableKeyring

T = TypeVar("T")

ANSWER_S_MAX = 30.0
"""A person who sits in front of a prompt types a passphrase within that time, or answers it later: then the next call
goes through."""


class Patience:
    """Runs calls one after the other, and waits for none longer than `answer_s_max` seconds.

    A call that gives no answer can't be ended. It is left alone, and until it has come back no other is begun, nor
    waited for: so neither prompts nor threads pile up, and once the person has answered the next call goes through.
    """

    def __init__(self, answer_s_max: float = ANSWER_S_MAX) -> None:
        self._answer_s_max = answer_s_max
        self._changed = Condition()
        self._busy = False
        self._overdue = False
        self._ended = False

    def call(self, ask: Callable[[], T]) -> T:
        """What `ask` gives, or raises. Raises `NoUsableKeyring` when it has not come back in time."""
        answer: Future[T] = Future()
        with self._changed:
            self._wait(lambda: not self._busy, 0.0 if self._overdue else self._answer_s_max)
            self._busy, self._overdue = True, False
            # A daemon, or a prompt that nobody answers would keep the process from ending.
            asking = Thread(target=self._run, args=(ask, answer), name="keyring", daemon=True)
            try:
                asking.start()
            except RuntimeError as failed:
                self._busy = False
                raise NoUsableKeyring(f"the machine has no room for one more thread ({failed})") from failed
            self._wait(answer.done, self._answer_s_max)
        return answer.result()

    def end(self) -> None:
        """From now on nothing is waited for: whoever does, ends."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _wait(self, for_what: Callable[[], bool], for_s: float) -> None:
        self._changed.wait_for(lambda: self._ended or for_what(), for_s)
        if self._ended or not for_what():
            self._overdue = self._overdue or self._busy
            raise self._no_answer()

    def _run(self, ask: Callable[[], Any], answer: Future[Any]) -> None:
        try:
            answer.set_result(ask())
        # Whatever it is, it belongs to whoever waits for the answer.
        except BaseException as failed:  # noqa: BLE001
            answer.set_exception(failed)
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _no_answer(self) -> NoUsableKeyring:
        if self._ended:
            return NoUsableKeyring("it is not waited for any longer, as Fleet ends here")
        return NoUsableKeyring(
            f"the keyring has given no answer for {self._answer_s_max:.0f} s: it may have opened a prompt for its "
            "passphrase that nobody sees"
        )
