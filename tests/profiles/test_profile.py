"""An account's settings are accepted when they can work, and refused in a sentence that says what to change."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from profiles.profile import InvalidProfile, Profile, make_profile, parse_tier_map


def test_a_subscription_needs_a_name_only() -> None:
    profile = make_profile(name="work", kind="subscription")
    assert profile.tiers == {"haiku": "haiku", "sonnet": "sonnet", "opus": "opus", "fable": "fable"}
    assert (profile.concurrency, profile.base_url, profile.login) == (4, None, False)


def test_what_is_kept_reads_back_the_same() -> None:
    profile = make_profile(
        name="ci", kind="api-key", base_url="https://gateway.example/v1/", tiers={"opus": "o-1"}
    )
    assert Profile.model_validate_json(profile.model_dump_json()) == profile
    assert profile.base_url == "https://gateway.example/v1"


def test_settings_do_not_change_once_made() -> None:
    with pytest.raises(ValidationError):
        make_profile(name="work", kind="subscription").name = "other"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"name": "../up", "kind": "subscription"}, "can't be a name"),
        ({"name": "", "kind": "subscription"}, "can't be a name"),
        ({"name": ".hidden", "kind": "subscription"}, "can't be a name"),
        ({"name": "a b", "kind": "subscription"}, "can't be a name"),
        ({"name": "x" * 65, "kind": "subscription"}, "can't be a name"),
        ({"name": "work\n", "kind": "subscription"}, "can't be a name"),
        ({"name": "work", "kind": "gift"}, "'subscription', 'api-key' or 'local'"),
        ({"name": "work", "kind": "subscription", "concurrency": 0}, "greater than or equal to 1"),
        ({"name": "work", "kind": "subscription", "organisation": "a/b"}, "can't be a name"),
        ({"name": "l", "kind": "local", "tiers": {"local": "m"}}, "--base-url"),
        ({"name": "l", "kind": "local", "base_url": "http://127.0.0.1:1"}, "--tier-map"),
        (
            {"name": "l", "kind": "local", "base_url": "http://h", "tiers": {"a": "m"}, "login": True},
            "no login",
        ),
        ({"name": "w", "kind": "api-key", "base_url": "ftp://h"}, "http:// or https://"),
        ({"name": "w", "kind": "api-key", "base_url": "http://"}, "http:// or https://"),
        ({"name": "w", "kind": "api-key", "base_url": "http://h:99999"}, "http:// or https://"),
        ({"name": "w", "kind": "api-key", "base_url": "http://h\n"}, "http:// or https://"),
        ({"name": "w", "kind": "api-key", "base_url": "http://h/?a=b"}, "leave out"),
        ({"name": "w", "kind": "api-key", "tiers": {"opus": "--danger"}}, "model name"),
        ({"name": "w", "kind": "api-key", "tiers": {"a b": "m"}}, "tier's name"),
        ({"name": "w", "kind": "api-key", "nonsense": 1}, "nonsense"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_change(settings: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidProfile, match=says):
        make_profile(**settings)


@pytest.mark.parametrize(
    "setting",
    [
        {"base_url": "https://user:planted@gateway.example"},
        {"extra_env": {"ANTHROPIC_API_KEY": "planted"}},
        {"extra_env": {"HARMLESS": "sk-ant-planted"}},
        {"extra_env": {"ANTHROPIC_CUSTOM_HEADERS": "x: planted"}},
    ],
)
def test_a_secret_among_the_settings_is_refused_without_showing_it(setting: dict[str, object]) -> None:
    with pytest.raises(InvalidProfile) as refused:
        make_profile(name="work", kind="subscription", **setting)
    assert "planted" not in str(refused.value)
    assert "keyring" in str(refused.value) or "credential" in str(refused.value)


@pytest.mark.parametrize(
    "name", ["FLEET_HOME", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_USE_BEDROCK", "DBUS_SESSION_BUS_ADDRESS", "1X"]
)
def test_a_profile_cannot_undo_its_isolation(name: str) -> None:
    with pytest.raises(InvalidProfile):
        make_profile(name="work", kind="subscription", extra_env={name: "x"})
    with pytest.raises(InvalidProfile):
        make_profile(name="work", kind="subscription", pass_env=(name,))


def test_two_profiles_of_one_organisation_draw_on_the_same_buckets() -> None:
    one, two = (make_profile(name=n, kind="subscription", organisation="acme") for n in ("one", "two"))
    alone = make_profile(name="acme", kind="subscription")
    assert one.pool == two.pool != alone.pool


def test_a_tier_map_keeps_its_order_as_the_weakest_comes_first() -> None:
    assert list(parse_tier_map(" zed=z-1, sonnet=claude-sonnet-4-5,").items()) == [
        ("zed", "z-1"),
        ("sonnet", "claude-sonnet-4-5"),
    ]


@pytest.mark.parametrize("text", ["", " , ", "sonnet", "sonnet=", "=x", "a=b,a=c", "a=-p", "a=b c"])
def test_a_tier_map_that_says_nothing_clear_is_refused(text: str) -> None:
    with pytest.raises(InvalidProfile):
        parse_tier_map(text)
