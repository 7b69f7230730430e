"""A token is taken as it was meant, or refused without being shown."""

from __future__ import annotations

import pytest

from profiles.profile import Kind
from profiles.token import InvalidToken, clean_token, read_token

TOKEN = "sk-ant-oat01-planted_ABC-123"


@pytest.mark.parametrize("raw", [TOKEN, TOKEN + "\n", TOKEN + "\r\n"])
def test_the_newline_of_a_pipe_is_no_part_of_the_token(raw: str) -> None:
    assert clean_token(raw) == TOKEN


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "\n",
        "   \n",
        f"{TOKEN}\n\n",
        f"{TOKEN}\nsecond",
        f" {TOKEN}",
        f"{TOKEN} ",
        f"{TOKEN[:9]}\t{TOKEN[9:]}",
        f"'{TOKEN}'",
        f'"{TOKEN}"\n',
        f"{TOKEN}\x00",
        f"{TOKEN}\x1b[0m",
        f"{TOKEN}\u200b",
        f"\ufeff{TOKEN}",
        TOKEN * 1000,
    ],
)
def test_what_would_break_a_header_later_is_refused_now_without_being_shown(raw: str) -> None:
    with pytest.raises(InvalidToken) as refused:
        clean_token(raw)
    assert "planted" not in str(refused.value)


@pytest.mark.parametrize(
    ("token", "kind", "hint"),
    [
        ("sk-ant-oat01-planted", "subscription", None),
        ("sk-ant-api03-planted", "api-key", None),
        ("gateway-planted", "api-key", None),
        ("anything-planted", "local", None),
        ("sk-ant-api03-planted", "subscription", "API key"),
        ("sk-ant-oat01-planted", "api-key", "setup token"),
        ("sk-ant-oat01-planted", "local", "local server"),
    ],
)
def test_a_prefix_of_another_kind_is_hinted_at_but_kept(token: str, kind: Kind, hint: str | None) -> None:
    read = read_token(token + "\n", kind)
    assert read.text == token
    assert hint is None or hint in (read.warning or "")
    assert (read.warning is None) == (hint is None)
    assert "planted" not in repr(read)
