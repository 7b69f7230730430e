"""Waiting for what a link is to become."""

from __future__ import annotations

from tests.patience import PATIENCE_S, until
from workers.remote.disk_space import Intake
from workers.remote.link import CONNECTING, Link, LinkState


def connected(link: Link) -> LinkState:
    assert link.wait(PATIENCE_S), link.state().why
    return link.state()


def trouble(link: Link) -> LinkState:
    """How it is once something keeps it from connecting."""
    until("the link cannot connect", lambda: link.state().why not in ("", CONNECTING))
    return link.state()


def again(link: Link, connects: int = 2) -> LinkState:
    until(f"it has come up {connects} times", lambda: link.state().connects >= connects)
    return connected(link)


def anything() -> Intake:
    """Whatever comes over a channel is let through."""
    return Intake(1 << 40, 1 << 40)
