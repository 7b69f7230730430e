from __future__ import annotations

import pytest

from workers.remote.address import BadAddress, Reach, parse


@pytest.mark.parametrize(
    ("text", "host", "user", "port"),
    [
        ("ssh://ada@build.example.org:2222", "build.example.org", "ada", 2222),
        ("ssh://build", "build", None, None),
        ("build", "build", None, None),
        ("ada@10.0.0.7", "10.0.0.7", "ada", None),
        ("build:22/", "build", None, 22),
        ("ssh://ada@[fd00::1]:2200", "fd00::1", "ada", 2200),
        ("[::1]", "::1", None, None),
    ],
)
def test_an_address_is_taken_apart(text: str, host: str, user: str | None, port: int | None) -> None:
    assert parse(text) == Reach(name=host, host=host, port=port, user=user)


@pytest.mark.parametrize(
    "text", ["", "ssh://", "http://box", "a b", "box:port", "box/path", "-oProxyCommand=x", "-x@box", "a@b@c"]
)
def test_what_is_no_address_is_refused_with_the_expected_form(text: str) -> None:
    with pytest.raises(BadAddress, match=r"ssh://user@host:port|begins with a hyphen"):
        parse(text)


def test_a_port_that_cannot_be_is_named() -> None:
    with pytest.raises(BadAddress, match="70000"):
        parse("box:70000")


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadAddress, match="logs in with keys") as refused:
        parse("ssh://ada:hunter2@box")
    assert "hunter2" not in str(refused.value)


def test_an_address_is_shown_as_it_was_written() -> None:
    assert [parse(text).address for text in ("ssh://ada@box:2200", "box", "[::1]:22")] == [
        "ada@box:2200",
        "box",
        "[::1]:22",
    ]
