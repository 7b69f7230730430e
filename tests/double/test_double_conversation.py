"""Which answer comes next follows from the conversation in the request, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleet.double import Account, Double, Reaction, Script, Step, Task, ToolCall
from tests.double.asking import Heard, Message, ask, results, user

WRITE = ToolCall("Write", {"file_path": "{cwd}/a.txt", "content": "a {brace}\n", "list": ["{cwd}"]})
BASH = ToolCall("Bash", {"command": "ls {cwd}"})
SCRIPT = Script(
    accounts=(Account("a", "tok-a"), Account("b", "tok-b")),
    tasks=(
        Task(
            "greet",
            match="a friendly greeting",
            steps=(Step("I write.", (WRITE,)), Step("I look.", (BASH, BASH)), Step("All is written.")),
            reactions=(Reaction("FAILED", (Step("I mend.", (BASH,)), Step("Mended."))),),
        ),
        Task("greet-more", steps=(Step("More."),)),
        Task("halves", steps=(Step("First half."), Step("Second half."))),
    ),
    reactions=(Reaction("merge conflict", (Step("Resolved."),)),),
)


@pytest.fixture
def double() -> Iterator[Double]:
    with Double(SCRIPT) as started:
        yield started


def go_on(double: Double, messages: list[Message], token: str = "tok-a") -> Heard:
    """Ask, and put the answer and its tools' results at the end of `messages`."""
    heard = ask(double, token, messages)
    messages.append(heard.message)
    if any(block["type"] == "tool_use" for block in heard.blocks):
        messages.append(results(heard))
    return heard


def test_a_task_is_played_step_by_step_and_ends_with_done(double: Double) -> None:
    messages = [user("Please do [[double:greet]].")]
    said = [go_on(double, messages).text for _ in range(3)]
    messages.append(user("Anything else?"))
    assert [*said, go_on(double, messages).text] == ["I write.", "I look.", "All is written.", "Done."]


def test_the_working_directory_that_the_client_names_fills_the_tools_arguments(double: Double) -> None:
    [_, call] = ask(double, "tok-a", [user("[[double:greet]]")]).blocks
    assert call["input"] == {
        "file_path": "/work/tree/a.txt",
        "content": "a {brace}\n",
        "list": ["/work/tree"],
    }


def test_a_directory_named_later_in_the_conversation_counts_more(double: Double) -> None:
    later: Message = {
        "role": "system",
        "content": "# Environment\n - Primary working directory: /moved here/x (was /work)\n",
    }
    [_, call] = ask(double, "tok-a", [user("[[double:greet]]"), later]).blocks
    assert call["input"]["file_path"] == "/moved here/x/a.txt"


def test_a_session_goes_on_with_the_next_step_on_another_account(double: Double) -> None:
    messages = [user("[[double:greet]]")]
    go_on(double, messages)
    limit = {"role": "assistant", "content": [{"type": "text", "text": "You've hit your 5-hour limit"}]}
    messages += [limit, user("Continue where you left off.")]
    assert go_on(double, messages, "tok-b").text == "I look."
    assert [(entry.account, entry.step) for entry in double.turns] == [("a", 0), ("b", 1)]


def test_a_double_started_anew_goes_on_with_the_next_step_too(double: Double) -> None:
    messages = [user("[[double:greet]]")]
    go_on(double, messages)
    with Double(SCRIPT) as another:
        assert go_on(another, messages).text == "I look."


def test_a_denied_tool_does_not_stop_the_task(double: Double) -> None:
    first = ask(double, "tok-a", [user("[[double:greet]]")])
    messages = [user("[[double:greet]]"), first.message, results(first, is_error=True)]
    assert ask(double, "tok-a", messages).text == "I look."


def test_half_an_answer_of_a_cut_stream_is_not_a_step(double: Double) -> None:
    half: Message = {"role": "assistant", "content": "I wri"}
    cut_note = user("Your response above was cut off mid-stream. Resume directly; nothing failed.")
    assert ask(double, "tok-a", [user("[[double:greet]]"), half, cut_note]).text == "I write."


def test_a_task_may_be_known_by_words_of_its_prompt_but_not_by_the_clients_reminders(double: Double) -> None:
    assert ask(double, "tok-a", [user("Write a friendly greeting.")]).text == "I write."
    assert ask(double, "tok-a", [user("Now greet-more people")]).text == "More."
    reminder = user("<system-reminder>a friendly greeting</system-reminder>\nWhat is new?")
    assert "no script" in ask(double, "tok-a", [reminder]).text


def test_an_unknown_marker_is_told_with_the_tasks_there_are(double: Double) -> None:
    assert "knows greet, greet-more" in ask(double, "tok-a", [user("[[double:gone]]")]).text


def test_a_later_message_is_answered_by_its_reaction(double: Double) -> None:
    messages = [user("[[double:greet]]")]
    for _ in range(3):
        go_on(double, messages)
    messages.append(user("Verification failed: exit code 1"))
    assert [go_on(double, messages).text, go_on(double, messages).text] == ["I mend.", "Mended."]
    messages.append(user("There is a merge conflict in a.txt"))
    assert go_on(double, messages).text == "Resolved."
    messages.append(user("Verification failed again"))
    assert go_on(double, messages).text == "I mend."


def test_a_task_interrupted_by_a_reaction_is_taken_up_again(double: Double) -> None:
    messages = [user("[[double:greet]]")]
    go_on(double, messages)
    messages.append(user("It failed halfway"))
    said = [go_on(double, messages).text for _ in range(2)]
    messages.append(user("Thanks, continue"))
    assert [*said, go_on(double, messages).text] == ["I mend.", "Mended.", "I look."]


def test_what_a_person_says_while_a_turn_runs_is_heard_between_the_steps(double: Double) -> None:
    messages = [user("[[double:greet]]")]
    go_on(double, messages)
    note = "The user sent a new message while you were working:\nIt failed\n\nThis is how Claude Code surfaces it."
    messages.append({"role": "system", "content": note})
    assert [go_on(double, messages).text, go_on(double, messages).text] == ["I mend.", "Mended."]


def test_the_clients_own_notes_trigger_no_reaction(double: Double) -> None:
    messages = [user("[[double:greet]]")]
    go_on(double, messages)
    notes = "<local-command-stdout>set_model failed</local-command-stdout><system-reminder>failed</system-reminder>"
    messages += [user(notes), {"role": "system", "content": "3 hooks failed"}]
    assert go_on(double, messages).text == "I look."


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("[Tool call interrupted: the session ended before this call's result was recorded", "I write."),
        ("The user doesn't want to proceed with this tool use.", "I write."),
        ("Exit code 137", "I write."),
        ("Exit code 1: the file is there already", "I look."),
    ],
)
def test_a_step_whose_tools_were_broken_off_is_played_again(double: Double, told: str, said: str) -> None:
    messages = [user("[[double:greet]]")]
    go_on(double, messages)
    messages[-1]["content"][0] |= {"content": told, "is_error": True}
    messages += [{"role": "assistant", "content": "No response requested."}, user("Continue.")]
    assert go_on(double, messages).text == said
    assert go_on(double, messages).text != said


def test_a_compacted_conversation_goes_on_with_the_next_step(double: Double) -> None:
    messages = [user("[[double:greet]]")]
    go_on(double, messages)
    summary = ask(
        double, "tok-a", [*messages, user("CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.")]
    )
    assert ask(double, "tok-a", [user(f"This session goes on. {summary.text}")]).text == "I look."


def test_a_turn_that_ends_early_is_finished_when_told_to_continue(double: Double) -> None:
    messages = [user("[[double:halves]]")]
    assert go_on(double, messages).text == "First half."
    messages.append(user("Continue"))
    assert go_on(double, messages).text == "Second half."


def test_the_clients_own_requests_neither_advance_nor_cost(double: Double) -> None:
    double.account("a").fill("five_hour", 0.5)
    probe = ask(double, "tok-a", [user("quota")], max_tokens=1, tools=[])
    title = ask(
        double,
        "tok-a",
        [user("[[double:greet]]")],
        model="claude-haiku-4-5",
        tools=[],
        output_config={"format": {"type": "json_schema"}},
    )
    assert (probe.status, title.status) == (200, 200)
    assert double.turns == []
    assert [entry.outcome for entry in double.requests] == ["side", "side"]
    assert double.account("a").windows()["five_hour"]["utilization"] == 0.5
