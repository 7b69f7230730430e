"""Throttles, overloads, cut streams and logins that end: each means what it is, and no work is lost."""

from __future__ import annotations

import pytest

from fleet.double import Account, Fault, Script
from profiles.isolation import PLACEHOLDER
from tests.patience import PATIENCE_S
from tests.real.conftest import MakeHousehold
from tests.real.scripting import accounts_of, job, played, prompt, runs, says, subscription, writes

pytestmark = pytest.mark.client


def test_passing_troubles_of_the_server_do_not_even_end_the_worker(household: MakeHousehold) -> None:
    """A 429 without a window, a 529 and cut streams are waited out by the same worker on the same account."""
    script = Script(
        accounts=(subscription("first"), subscription("second")),
        tasks=(
            job(
                "work",
                writes("a.txt", "a\n"),
                writes("b.txt", "b\n"),
                writes("c.txt", "c\n"),
                runs("cat a.txt b.txt c.txt > all.txt"),
                says("Done."),
            ),
        ),
        faults=(
            Fault("throttle", step=0),
            Fault("overload", step=1),
            Fault("cut", step=2),
            Fault("cut_late", step=3),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    house.add_account("second")
    task = house.add_task(prompt("work"), "--target", "main", "--land", "merge", "--allow-tool", "Bash")
    house.up_until_idle()

    (attempt,) = house.seen(task)["attempts"]
    assert (attempt["account"], attempt["reason"]) == ("first", "finished")
    assert {r.outcome for r in house.double.turns} == {"throttle", "overload", "cut", "cut_late", "answered"}
    assert house.git("show", "main:all.txt") == "a\nb\nc\n"


@pytest.mark.large
def test_a_server_that_stays_in_trouble_keeps_its_work(household: MakeHousehold) -> None:
    """When the client gives up on a throttled or cut connection, the same session is tried again where it was."""
    script = Script(
        accounts=(subscription("first"), subscription("second")),
        tasks=(job("work", writes("a.txt", "a\n"), writes("b.txt", "b\n"), says("Done.")),),
        faults=(
            Fault("throttle", step=1, seconds=120),
            Fault("cut_late", step=2, times=4),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    house.add_account("second")
    task = house.add_task(prompt("work"), "--target", "main", "--land", "merge")
    house.up_until_idle()

    shown = house.seen(task)
    assert [(a["account"], a["reason"]) for a in shown["attempts"]] == [
        ("first", "busy"),
        ("first", "cut"),
        ("first", "finished"),
    ]
    assert len({a["session_id"] for a in shown["attempts"]}) == 1
    assert house.git("ls-tree", "--name-only", "main").split() == ["README.md", "a.txt", "b.txt"]


@pytest.mark.large
def test_a_login_that_ends_quarantines_its_account_until_it_is_verified_or_renewed(
    household: MakeHousehold,
) -> None:
    """A 401 mid-task moves the session; the account says why it rests, and `account verify` takes it back. A new token
    takes the old one's place once it has been proved, while the coordinator runs."""
    script = Script(
        accounts=(subscription("first"), subscription("second"), subscription("renewed")),
        tasks=(
            job("moving", writes("a.txt", "a\n", delay_s=1.0), writes("b.txt", "b\n"), says("Done.")),
            job("opus", writes("o.txt", "o\n"), says("Done.")),
            job("later", writes("l.txt", "l\n"), says("Done.")),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    house.add_account("second", "--tier-map", "sonnet=sonnet")
    with house.coordinator():
        moving = house.add_task(prompt("moving"), "--target", "main", "--land", "merge")
        house.double.wait_for(lambda log: any(r.account == "first" and r.part for r in log), PATIENCE_S)
        house.double.account("first").expire_login()
        opus = house.add_task(prompt("opus"), "--tier", "opus")
        house.wait_for_state(moving, "landed")

        listed = {a["name"]: a for a in house.json("account", "list")}
        assert listed["first"]["state"] == "quarantined" and "401" in listed["first"]["reason"]
        assert "quarantined" in house.fleet("account", "list")
        why = house.json("why", opus)
        assert why["stuck"] and "fleet account verify" in why["advice"]
        refused = house.run("account", "verify", "first")
        assert refused.returncode == 1 and "does not work" in refused.stderr

        house.double.account("first").restore_login()
        house.fleet("account", "verify", "first")
        house.wait_for_state(opus, "landed")

        house.double.account("first").expire_login()
        wrong = house.run("account", "token", "first", stdin="tok-nobody")
        assert wrong.returncode == 1 and "first keeps the one it has" in wrong.stderr
        house.fleet("account", "token", "first", stdin="tok-renewed")
        house.fleet("account", "pause", "second")
        later = house.add_task(prompt("later"), "--target", "main", "--land", "merge")
        house.wait_for_state(later, "landed")

    assert accounts_of(house.double.turns, "later") == ["renewed"]
    assert accounts_of(house.double.turns, "moving") == ["first", "second"]
    first, second = house.seen(moving)["attempts"]
    assert (first["reason"], second["reason"]) == ("login", "finished")
    assert first["session_id"] == second["session_id"]
    assert played(house.double.turns, "moving") == [("moving", 0), ("moving", 1), ("moving", 2)]
    assert house.json("account", "show", "first")["reason"] == ""


def test_work_goes_on_elsewhere_when_its_account_is_removed(household: MakeHousehold) -> None:
    """Removing an account under its running worker moves the session, and the keyring forgets the token."""
    script = Script(
        accounts=(subscription("first", token="tok-to-forget"), subscription("second")),
        tasks=(
            job(
                "work",
                writes("a.txt", "a\n"),
                runs("while ! test -e ../../../../gate; do sleep 0.1; done"),
                writes("b.txt", "b\n"),
                says("Done."),
            ),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first", token="tok-to-forget")
    house.add_account("second")
    with house.coordinator():
        task = house.add_task(prompt("work"), "--target", "main", "--land", "merge", "--allow-tool", "Bash")
        house.double.wait_for(lambda log: any(r.step == 1 for r in log), PATIENCE_S)
        house.fleet("account", "remove", "first")
        (house.root / "gate").touch()
        house.wait_for_state(task, "landed")

    attempts = house.seen(task)["attempts"]
    assert [(a["account"], a["reason"]) for a in attempts] == [
        ("first", "account removed"),
        ("second", "finished"),
    ]
    assert [a["name"] for a in house.json("account", "list")] == ["second"]
    assert house.git("ls-tree", "--name-only", "main").split() == ["README.md", "a.txt", "b.txt"]
    kept = next((house.root / "data").rglob("keyring_pass.cfg")).read_text()
    # The file has the tokens in base 64: one of the two accounts is left in it.
    assert "second" in kept and "first" not in kept


def test_keys_and_local_servers_do_their_work_too(household: MakeHousehold) -> None:
    """An API key and a local server without any credential run the tiers that they were given."""
    script = Script(
        accounts=(Account("ci", "tok-ci", kind="api-key"), Account("mine", PLACEHOLDER, kind="api-key")),
        tasks=(
            job("keyed", writes("k.txt", "k\n"), says("Done.")),
            job("local", writes("l.txt", "l\n"), says("Done.")),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("ci", kind="api-key")
    house.fleet(
        *("account", "add", "mine", "--kind", "local"),
        *("--base-url", house.double.base_url, "--tier-map", "small=tiny-model:7b"),
    )
    keyed = house.add_task(prompt("keyed"), "--tier", "sonnet")
    local = house.add_task(prompt("local"), "--tier", "small")
    log = house.up_until_idle()

    assert [house.seen(t)["attempts"][0]["account"] for t in (keyed, local)] == ["ci", "mine"]
    assert {r.model for r in house.double.turns if r.account == "mine"} == {"tiny-model:7b"}
    told = {
        task: "\n".join(line["event"] for line in log if line.get("task") == task) for task in (keyed, local)
    }
    for task, billed in ((keyed, True), (local, False)):
        assert ("$" in told[task] + house.fleet("task", "logs", task)) is billed
        assert (house.seen(task)["attempts"][0]["cost_usd"] is not None) is billed


def test_a_token_that_cannot_be_one_is_refused(household: MakeHousehold) -> None:
    """A newline inside a token is refused before anything is kept, and the token is not repeated."""
    house = household(Script(accounts=(subscription("first"),)))
    words = ("account", "add", "first", "--kind", "subscription", "--token-stdin")
    ended = house.run(*words, stdin="tok-upper\ntok-lower\n")
    assert ended.returncode == 1 and "more than one line" in ended.stderr
    assert "tok-" not in ended.stdout + ended.stderr
    assert house.json("account", "list") == [] and not list((house.root / "data").rglob("*.cfg"))


def test_without_a_keyring_nothing_is_added_and_the_choices_are_named(household: MakeHousehold) -> None:
    """No usable keyring is one clear error that says what can be done, never a token kept in the open."""
    house = household(Script(accounts=(subscription("first"),)))
    house.extra_env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    ended = house.run(
        "account", "add", "first", "--kind", "subscription", "--token-stdin", stdin="tok-unkept\n"
    )
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert "No usable keyring" in ended.stderr and "FLEET_KEYRING=encrypted-file" in ended.stderr
    assert house.json("account", "list") == []
    kept = [path for path in house.root.rglob("*") if path.is_file() and b"tok-unkept" in path.read_bytes()]
    assert kept == []
