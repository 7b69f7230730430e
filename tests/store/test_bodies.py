"""The fast way of reading a stored body is `json`'s."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.store.bodies import parsed

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(documents, st.booleans(), st.sampled_from(["", " ", "\n\t"]))
def test_every_document_is_read_as_json_reads_it(document: Any, ascii_only: bool, space: str) -> None:
    text = space + json.dumps(document, ensure_ascii=ascii_only) + space
    found = parsed(text)
    assert (found, repr(found)) == (json.loads(text), repr(json.loads(text)))


@pytest.mark.parametrize("text", ["NaN", "[Infinity, -Infinity]", '{"a": 1, "a": 2}', '"\\ud800"', "1e999"])
def test_what_json_takes_beyond_the_standard_is_taken(text: str) -> None:
    assert repr(parsed(text)) == repr(json.loads(text))


@given(st.text() | st.text(alphabet='{}[]",:0123456789truefalsn \\u'))
@pytest.mark.parametrize("before", ["", "{}", '{"a": '])
def test_what_is_no_document_is_refused_in_the_words_of_json(before: str, text: str) -> None:
    told = []
    for read in (parsed, json.loads):
        try:
            told.append(repr(read(before + text)))
        except ValueError as refused:
            told.append(str(refused))
    assert told[0] == told[1]


def test_what_is_nested_too_deep_is_told_as_json_tells_it() -> None:
    with pytest.raises(RecursionError):
        parsed("[" * 100_000)


def test_it_imports_nothing_that_takes_long() -> None:
    program = (
        "import sys; from fleet.store.bodies import parsed; parsed('{\"a\": [1.5]}'); print(*sys.modules)"
    )
    told = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert not {"json", "re", "enum", "collections"} & set(told.stdout.split())
