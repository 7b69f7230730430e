"""How long is waited for a keyring: it may have opened a prompt that nobody sees."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
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
        self._turn = Lock()
        self._overdue = False

    def call(self, ask: Callable[[], T]) -> T:
        """What `ask` gives, or raises. Raises `NoUsableKeyring` when it has not come back in time."""
        if not self._turn.acquire(timeout=0 if self._overdue else self._answer_s_max):
            raise self._no_answer()
        self._overdue = False
        answer: Future[T] = Future()
        # A daemon, or a prompt that nobody answers would keep the process from ending.
        asking = Thread(target=self._run, args=(ask, answer), name="keyring", daemon=True)
        try:
            asking.start()
        except RuntimeError as failed:
            self._turn.release()
            raise NoUsableKeyring(f"the machine has no room for one more thread ({failed})") from failed
        try:
            return answer.result(self._answer_s_max)
        except TimeoutError:
            self._overdue = True
            raise self._no_answer() from None

    def _run(self, ask: Callable[[], Any], answer: Future[Any]) -> None:
        try:
            answer.set_result(ask())
        # Whatever it is, it belongs to whoever waits for the answer.
        except BaseException as failed:  # noqa: BLE001
            answer.set_exception(failed)
        finally:
            self._turn.release()

    def _no_answer(self) -> NoUsableKeyring:
        return NoUsableKeyring(
            f"the keyring has given no answer for {self._answer_s_max:.0f} s: it may have opened a prompt for its "
            "passphrase that nobody sees"
        )
