"""A credential as it was typed or piped in, made fit to be kept. No message here ever shows any part of it."""

from __future__ import annotations

from dataclasses import dataclass

from profiles.profile import Kind

LENGTH_MAX = 8192
"""Characters. Far above any real token (about 110); the client reads a descriptor into a bounded buffer."""


class InvalidToken(ValueError):
    """What was given can't be a credential; the message says why without showing it."""


@dataclass(frozen=True, slots=True)
class CleanToken:
    """A credential that is fit to be kept, and what looks odd about it (or None)."""

    text: str
    warning: str | None = None

    def __repr__(self) -> str:
        return f"CleanToken(text=<{len(self.text)} characters>, warning={self.warning!r})"


def clean_token(raw: str) -> str:
    """`raw` without the one newline that a pipe or an editor puts at its end.

    Raises `InvalidToken` for anything that would make a broken header later: nothing at all, blanks, newlines or
    control characters inside, characters outside ASCII, quotes around it, or a whole file piped in by mistake.
    """
    token = raw.removesuffix("\n").removesuffix("\r")
    if not token.strip():
        raise InvalidToken(
            "no token was given: pipe it in, e.g. `fleet client setup-token`'s output, as one line"
        )
    if len(token) > LENGTH_MAX:
        raise InvalidToken(f"the token is longer than {LENGTH_MAX} characters: was a whole file piped in?")
    if "\n" in token or "\r" in token:
        raise InvalidToken("the token has more than one line: give the token alone, as one line")
    if token[0] in "\"'`" or token[-1] in "\"'`":
        raise InvalidToken("the token has quotes around it: give it without them")
    if any(c.isspace() for c in token):
        raise InvalidToken(
            "the token has a blank in it: give the token alone, without anything before or after"
        )
    if not (token.isascii() and token.isprintable()):
        raise InvalidToken(
            "the token has a character that no token has (was it cut by a terminal?): copy it again"
        )
    return token


def read_token(raw: str, kind: Kind) -> CleanToken:
    """`clean_token`, and a warning when the prefix is that of another kind of account. Raises `InvalidToken`."""
    token = clean_token(raw)
    return CleanToken(token, _prefix_warning(token, kind))


def _prefix_warning(token: str, kind: Kind) -> str | None:
    """What to tell the user when the token's prefix doesn't fit the kind; None when nothing looks odd.

    `sk-ant-oat…` is printed by the client's `setup-token`, `sk-ant-api…` is a key of the Console. Only a warning:
    gateways in front of the API hand out credentials of any shape.
    """
    if kind == "subscription" and token.startswith("sk-ant-api"):
        return "this looks like an API key, which is billed per token: is the account of kind api-key?"
    if kind == "api-key" and token.startswith("sk-ant-oat"):
        return "this looks like the setup token of a subscription: is the account of kind subscription?"
    if kind == "local" and token.startswith("sk-ant-"):
        return (
            "this looks like a credential of Anthropic, and would be sent to the local server: is that meant?"
        )
    return None
