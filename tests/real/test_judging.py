"""A model reviews verified work before it lands, with the real client: it reads, and cannot write."""

from __future__ import annotations

import pytest

from fleet.core.review_words import BEGIN
from fleet.double import Script, Step, ToolCall
from fleet.double.conversation import REVIEW_ASKED
from tests.real.conftest import MakeHousehold
from tests.real.scripting import MERGE, job, judges, prompt, reviewer, says, subscription, writes
from tests.sandboxes import bubblewrap
from tests.sizes import large

pytestmark = pytest.mark.client

WRONG = {"path": "work.txt", "line": 1, "severity": "blocking", "evidence": "“draft” says nothing"}


def test_the_double_knows_a_review_by_the_words_that_begin_it() -> None:
    assert BEGIN.startswith(REVIEW_ASKED)


@pytest.mark.parametrize("sandbox", ["none", *large("bwrap")])
def test_what_a_model_finds_blocking_is_mended_by_its_author_before_it_lands(
    household: MakeHousehold, sandbox: str
) -> None:
    """The judge reads what was written, tries to write, cannot; its finding reaches the author word for word. So it is
    where the sandbox shows the judge all of it to be read only."""
    if sandbox == "bwrap":
        bubblewrap()
    reads = Step("I look.", tools=(ToolCall("Read", {"file_path": "{cwd}/work.txt"}),))
    script = Script(
        accounts=(subscription("first"), subscription("second")),
        tasks=(
            job(
                "work",
                writes("work.txt", "draft\n"),
                says("Done."),
                says_nothing=(writes("work.txt", "gives\n"), says("Mended.")),
            ),
            reviewer("strict", "work", reads, writes("mine.txt", "mine\n"), judges(WRONG), where="+draft"),
            reviewer("content", "work", judges(), where="+gives"),
        ),
    )
    house = household(script)
    house.sandbox = sandbox
    house.make_repo()
    house.add_account("first")
    house.add_account("second")
    work = house.add_task(prompt("work"), *MERGE, "--review", "model", "--verify", "test -s work.txt")
    house.up_until_idle()
    seen = house.seen(work)
    assert seen["state"] == "landed" and house.git("show", "main:work.txt") == "gives\n"
    assert house.git("ls-tree", "--name-only", "main").split() == ["README.md", "work.txt"]
    author, judge, again, _ = (attempt["account"] for attempt in seen["attempts"])
    assert author == again and judge != author
    assert seen["verdict"]["passed"] and seen["review"] == "model"
    assert any(line["type"] == "task.judged" for line in seen["history"])
    assert f"by sonnet on {judge}: passes it" in house.fleet("task", "show", work)
    assert "passed 1 (0 wrongly), objected to 1 (1 confirmed, 0 overruled)" in house.fleet("tier", "list")
