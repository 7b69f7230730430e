"""What answers cost: by the table that is shipped, and by the person's own."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.history.prices import InvalidPrices, PriceTable, Tokens, load
from fleet.history.prices.checking import checked
from fleet.history.prices.litellm import read_litellm
from fleet.history.prices.names import canonical
from fleet.history.prices.table import SHIPPED
from fleet.history.prices.toml_file import KINDS, read_own, read_shipped, row_of, written

SHORT = Tokens(1_000, 2_000, 3_000, 4_000, 50_000)
LONG = Tokens(150_000, 2_000, 3_000, 4_000, 50_000)


def ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


NOW = ms("2026-11-22")


@pytest.fixture(scope="module")
def table() -> PriceTable:
    return load()


@pytest.mark.parametrize(
    "written_as",
    [
        "claude-opus-4-1",
        "claude-opus-4-1-20250805",
        "claude-opus-4-1@20250805",
        "claude-opus-4.1",
        "anthropic/claude-opus-4.1",
        "anthropic.claude-opus-4-1-20250805-v1:0",
        "us.anthropic.claude-opus-4-1-20250805-v1:0",
        "arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-opus-4-1-20250805-v1:0",
        "Claude-Opus-4-1-latest",
        "claude-opus-4-1-20250805[1m]",
    ],
)
def test_a_model_is_known_however_clouds_and_gateways_write_it(written_as: str) -> None:
    assert canonical(written_as) == "claude-opus-4-1"


@pytest.mark.parametrize("model", ["", "<synthetic>", "gpt-5", "claude-opus-9", "opus", "-v1", "[1m]"])
def test_what_nothing_is_known_of_is_unpriced_and_never_free(model: str, table: PriceTable) -> None:
    assert table.price(model, NOW, SHORT) is None
    assert table.price(model, NOW, Tokens(0, 0, 0, 0, 0)) is None


def test_each_kind_of_token_has_its_own_price(table: PriceTable) -> None:
    """Opus 4.1: 15, 75, writes 18.75 and 30, reads 1.50."""
    dollars = table.price("claude-opus-4-1", NOW, SHORT)
    assert dollars == pytest.approx((15_000 + 150_000 + 56_250 + 120_000 + 75_000) / 1e6)


def test_a_long_prompt_makes_the_whole_request_dearer(table: PriceTable) -> None:
    """Sonnet 4.5 above 200,000 tokens of prompt, cache included: 6, 22.5, 7.5, 12, 0.6."""
    model = "claude-sonnet-4-5-20250929"
    at_the_edge = Tokens(200_000, 10, 0, 0, 0)
    assert table.price(model, NOW, at_the_edge) == pytest.approx(0.6 + 0.00015)
    dollars = table.price(model, NOW, LONG)
    assert dollars == pytest.approx((900_000 + 45_000 + 22_500 + 48_000 + 30_000) / 1e6)


def test_a_price_counts_from_its_date(table: PriceTable) -> None:
    reads = Tokens(0, 0, 0, 0, 1_000_000)
    model = "claude-sonnet-5-5"
    assert table.price(model, ms("2026-10-07") - 1, reads) == pytest.approx(0.20)
    assert table.price(model, ms("2026-10-07"), reads) == pytest.approx(0.10)
    assert table.price(model, 0, reads) == pytest.approx(0.20), "a clock that was off makes nothing free"


def test_the_long_prompt_tier_of_opus_4_6_ended(table: PriceTable) -> None:
    tokens = Tokens(300_000, 0, 0, 0, 0)
    assert table.price("claude-opus-4-6", ms("2026-03-12"), tokens) == pytest.approx(3.0)
    assert table.price("claude-opus-4-6", ms("2026-03-13"), tokens) == pytest.approx(1.5)


def test_the_batch_api_costs_half(table: PriceTable) -> None:
    whole = table.price("claude-opus-5", NOW, SHORT)
    assert whole is not None
    assert table.price("claude-opus-5", NOW, SHORT, batch=True) == pytest.approx(whole / 2)


def test_the_shipped_table_keeps_the_form_and_names_its_sources() -> None:
    text = SHIPPED.read_bytes()
    rows = read_own(text)
    assert rows == read_shipped(text.decode())
    for row in rows:
        assert row.source.startswith("https://") and row.read and row.from_ms is not None, row.names
        assert all(name == canonical(name) for name in row.names)


@given(st.lists(st.integers(0, 10**7), min_size=5, max_size=5))
def test_more_tokens_never_cost_less(counts: list[int]) -> None:
    table = PriceTable(read_shipped(SHIPPED.read_text()))
    fewer, more = Tokens(*counts), Tokens(*(count + 1 for count in counts))
    for name in sorted(table.names()):
        less, dearer = table.price(name, NOW, fewer), table.price(name, NOW, more)
        assert less is not None and dearer is not None and less < dearer


OWN = """
[[model]]
names = ["claude-opus-5"]
from = 2026-11-01
input = 1
output = 2

[[model]]
names = ["house-model"]
input = 0.5
output = 1
[model.long_prompt]
above = 1000
input = 1
output = 2
"""


def own(tmp_path: Path, text: str) -> PriceTable:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    return load(path)


def test_a_persons_prices_win_from_their_date_on(tmp_path: Path, table: PriceTable) -> None:
    mine = own(tmp_path, OWN)
    tokens = Tokens(1_000_000, 0, 0, 0, 0)
    assert mine.price("claude-opus-5", ms("2026-10-31"), tokens) == pytest.approx(5.0)
    assert mine.price("claude-opus-5-20260724", ms("2026-11-01"), tokens) == pytest.approx(1.0)
    assert mine.price("house-model", ms("2020-01-01"), tokens) == pytest.approx(1.0)
    assert mine.price("house-model", NOW, Tokens(0, 0, 1000, 0, 0)) == pytest.approx(0.5 * 1.25 / 1000)
    assert mine.digest != table.digest == load(tmp_path / "none.toml").digest
    assert [name for name, _, theirs in mine.rows() if theirs] == ["claude-opus-5", "house-model"]


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("model = [", "no TOML"),
        ("model = " + "[" * 3_000, "no TOML"),
        ("", "model: field required"),
        ('[[model]]\nnames = ["m"]\ninput = 1', "model 1, output: field required"),
        ("[[model]]\nnames = []\ninput = 1\noutput = 1", "model 1, names: list should have at least 1 item"),
        ('[[model]]\nnames = ["m"]\ninput = -1\noutput = 1', "model 1, input: input should be greater"),
        ('[[model]]\nnames = ["m"]\ninput = nan\noutput = 1', "model 1, input: input should be a finite"),
        ('[[model]]\nnames = ["m"]\ninput = 1\noutput = 1\ncache_reed = 1', "model 1, cache_reed: extra"),
        ('[[model]]\nnames = ["m"]\nfrom = "soon"\ninput = 1\noutput = 1', "model 1, from: input should be"),
    ],
)
def test_a_table_that_is_off_says_where(text: str, story: str) -> None:
    with pytest.raises(InvalidPrices, match=story):
        read_own(text.encode())


LITELLM = {
    "sample_spec": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "mode": "one of: chat, …"},
    "claude-opus-5-20260724": {
        "mode": "chat",
        "input_cost_per_token": 3e-06,
        "output_cost_per_token": 1.5e-05,
        "cache_read_input_token_cost": 3e-07,
        "input_cost_per_token_above_200k_tokens": 6e-06,
        "output_cost_per_token_above_200k_tokens": 2.25e-05,
    },
    "us.anthropic.claude-opus-5": {"mode": "chat", "input_cost_per_token": 1, "output_cost_per_token": 1},
    "vertex_ai/claude-opus-5": {"mode": "chat", "input_cost_per_token": 1, "output_cost_per_token": 1},
    "gpt-4.1": {"mode": "chat", "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06},
    "dall-e": {"mode": "image_generation", "input_cost_per_pixel": 1e-07},
}


def test_litellms_table_is_taken_over(tmp_path: Path) -> None:
    """What is known already counts from today, so that the past keeps its prices."""
    rows = read_litellm(json.dumps(LITELLM), "x.json", {"claude-opus-5"}, date(2026, 11, 22))
    mine = own(tmp_path, written(rows, "from LiteLLM"))
    million = Tokens(1_000_000, 0, 0, 0, 0)
    assert mine.price("claude-opus-5", NOW - 1, million) == pytest.approx(5.0)
    assert mine.price("claude-opus-5", NOW, Tokens(100_000, 0, 0, 0, 0)) == pytest.approx(0.3)
    assert mine.price("claude-opus-5", NOW, million) == pytest.approx(6.0)
    assert mine.price("openai/gpt-4.1", 0, million) == pytest.approx(2.0)
    assert {name for row in rows for name in row["names"]} == {"claude-opus-5", "gpt-4-1"}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"m": {"mode": "chat"}}'])
def test_what_is_no_table_of_litellms_is_refused(text: str) -> None:
    with pytest.raises(InvalidPrices, match=r"^x\.json: no"):
        read_litellm(text, "x.json", set(), date(2026, 11, 22))


def test_rows_survive_being_written() -> None:
    said = {
        "names": ["a", "b"],
        "from": date(2026, 1, 2),
        **dict.fromkeys(KINDS, 0.125),
        "source": "here",
        "long_prompt": {"above": 5, **dict.fromkeys(KINDS, 1e-7)},
    }
    assert (
        read_own(written([said], "x").encode())
        == [row_of(checked({"model": [said]}, "x")[0])]
        == [row_of(said)]
    )
