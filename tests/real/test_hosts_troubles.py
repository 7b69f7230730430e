"""Hosts that something is wrong with: it is said what and how to mend it, and work goes on as soon as it is mended."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from fleet.double import Script, Window
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.gates import Gates, waits
from tests.real.household import Household
from tests.real.scripting import HOUR_S, MERGE, job, prompt, says, subscription, writes
from tests.real.staging import answered
from tests.real_client import CLIENT
from tests.small_disks import fill, mounted
from tests.workers.sshd import Sshd, needs

pytestmark = pytest.mark.client


def client_of_version(path: Path, version: str) -> Path:
    """A client that says it is of that version, and else is what is used here."""
    path.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec echo "{version} (Claude Code)"\nexec {CLIENT} "$@"\n'
    )
    path.chmod(0o755)
    return path


def ahead(clock: str) -> dict[str, str]:
    """An environment in which it is so much later, like `+600s`."""
    words = ["faketime", "-f", clock, "/bin/sh", "-c", 'echo "$LD_PRELOAD"']
    for _ in range(5):  # one that was killed leaves a file by its process id, which may come again
        told = subprocess.run(words, capture_output=True, text=True, check=False)
        if told.returncode == 0:
            break
    assert told.returncode == 0, told.stderr
    return {"LD_PRELOAD": told.stdout.strip(), "FAKETIME": clock}


def restart(server: Sshd) -> None:
    server.stop()
    server.start()


def test_what_a_host_lacks_is_named_with_the_cure_before_it_is_added(
    household: MakeHousehold, tmp_path: Path
) -> None:
    house = household(Script(accounts=(subscription("first"),)))
    with farm(house, "one", "bare") as hosts:

        def refused(name: str, *more: str) -> str:
            ended = house.run(*hosts.adding(name, *more))
            assert ended.returncode == 1, ended.stdout
            return ended.stdout + ended.stderr

        missing = refused("one", "--client", "/nowhere/claude")
        assert "/nowhere/claude cannot be started: No such file or directory" in missing
        assert "npm install -g @anthropic-ai/claude-code" in missing

        old = client_of_version(tmp_path / "old", "2.1.100")
        too_old = refused("one", "--client", str(old))
        assert "is version 2.1.100; at least" in too_old and f"update it there: {old} update" in too_old

        # sshd gives its sessions only this: a Python, and no git.
        programs = tmp_path / "programs"
        programs.mkdir()
        for name in ("python3", "sh", "env"):
            (programs / name).symlink_to(Path("/usr/bin", name) if name != "python3" else sys.executable)
        hosts.servers["bare"].environ = {"PATH": str(programs)}
        restart(hosts.servers["bare"])
        bare = refused("bare")
        assert "there is no git on its PATH" in bare and "apt install git" in bare

        other = client_of_version(tmp_path / "other", "2.1.900")
        hosts.add("one", "--client", str(other))
        verified = house.run("host", "verify", "one")
        assert verified.returncode == 0
        assert "Claude Code 2.1.900" in verified.stdout and "update the older one (here)" in verified.stdout
        assert sorted(house.json("host", "list"), key=lambda host: host["name"])[-1]["name"] == "one"


def test_a_strange_login_and_a_wrong_clock_keep_nobody_from_working(household: MakeHousehold) -> None:
    """Its shell is fish, its .bashrc prints, and it is ten minutes ahead."""
    needs("fish", "faketime")
    house = household(
        Script(
            accounts=(subscription("first", Window("five_hour", utilization=0.25, resets_in_s=HOUR_S)),),
            tasks=(job("alpha", writes("one.txt", "one\n"), says("Done.")),),
        )
    )
    house.make_repo()
    house.add_account("first")
    with farm(house, "one") as hosts:
        server = hosts.servers["one"]
        server.environ = ahead("+600s")
        server.through('echo hello; echo trouble >&2; exec fish -c "$SSH_ORIGINAL_COMMAND"')
        for name in (".bashrc", ".profile"):
            (server.home / name).write_text("echo noise\n")
        restart(server)
        added = hosts.add("one")
        assert "its clock is 600 s ahead of this machine's" in added, added
        verified = house.run("host", "verify", "one")
        assert "its clock is 600 s ahead" in verified.stdout and "timedatectl set-ntp true" in verified.stdout
        assert verified.returncode == 0
        house.fleet("host", "drain", "local")
        task = house.add_task(prompt("alpha"), *MERGE)
        with house.coordinator("--checkpoint-every", "1s"):
            shown = house.wait_for_state(task, "landed")
        assert [(attempt["host"], attempt["reason"]) for attempt in shown["attempts"]] == [
            ("one", "finished")
        ]
        (account,) = house.json("account", "list")
        (five_hours,) = [one for one in account["buckets"] if one["name"] == "five_hour"]
        assert five_hours["observed_at"] < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        assert house.leftovers() == []


@pytest.mark.large
def test_a_hosts_full_disk_holds_work_back_and_loses_none(household: MakeHousehold) -> None:
    """Full while a worker runs and another is to be started; read-only when the host is added."""
    house = household(
        Script(
            accounts=(subscription("first"),),
            tasks=(
                job(
                    "patient",
                    writes("one.txt", "one\n"),
                    waits("full"),
                    waits("room"),
                    says("Done."),
                ),
                job("later", writes("later.txt", "later\n"), says("Done.")),
            ),
        )
    )
    house.make_repo()
    gates = Gates(house)
    house.add_account("first", "--concurrency", "4", *gates.for_account)
    with farm(house, "one") as hosts, mounted(hosts.directory("one"), 300 * 1024):
        disk = hosts.directory("one")
        remount(disk, "ro")
        refused = house.run(*hosts.adding("one"))
        assert refused.returncode == 1 and "host one: " in refused.stderr
        assert "lies on a read-only disk there: name another directory with --dir" in refused.stderr
        remount(disk, "rw")
        hosts.add("one", "--workers", "4")
        house.fleet("host", "drain", "local")
        patient = house.add_task(prompt("patient"), *MERGE)
        with house.coordinator("--checkpoint-every", "1s"):
            gates.await_at(patient, "full")
            filler = fill(disk)
            house.wait_for(lambda: "its disk is full" in str(hosts.shows("one")["problem"]), "nobody noticed")
            later = house.add_task(prompt("later"), *MERGE)
            why = house.fleet("why", later)
            assert "host one: its disk is full" in why and "free some space there" in why
            # Its client says something that has no room: the supervisor keeps it back.
            gates.open(patient, "full")
            gates.await_at(patient, "room")
            assert house.seen(later)["attempts"] == []
            filler.unlink()
            gates.open(patient, "room")
            shown = [house.wait_for_state(task, "landed") for task in (patient, later)]
        assert [len(task["attempts"]) for task in shown] == [1, 1]
        assert set(answered(house, "patient")) == {("patient", "patient", n) for n in range(4)}
        assert house.git("show", "main:one.txt", "main:later.txt") == "one\nlater\n"
        assert house.leftovers() == []


def refusing_git(tmp_path: Path) -> Path:
    """A directory with a git that refuses what there is a file for: `refuses` a task's worktree, `everything` that of a
    dry run, `keeps` to write work down."""
    wrapper = tmp_path / "programs" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        '#!/bin/sh\ncase " $* " in *" worktree add "*"/dry-runs/"*) when=everything;;\n'
        '*" worktree add "*) when=refuses;; *" write-tree "*) when=keeps;; *) when=none;; esac\n'
        f'[ -e {tmp_path}/$when ] && {{ echo "fatal: not while the moon is full" >&2; exit 128; }}\n'
        'exec /usr/bin/git "$@"\n'
    )
    wrapper.chmod(0o755)
    return wrapper.parent


@pytest.mark.large
def test_a_host_whose_git_refuses_a_repository_beside_a_good_one_fails_no_task(
    household: MakeHousehold, tmp_path: Path
) -> None:
    """Its git begins to refuse when it is a host already; then it is mended and verified. Then it keeps work back."""
    names = ("alpha", "beta", "gamma")
    house = household(
        Script(
            accounts=(subscription("first"),),
            tasks=(
                *(job(name, writes(f"{name}.txt", f"{name}\n"), says("Done.")) for name in names),
                job("delta", writes("delta.txt", "delta\n"), waits("done"), says("Done.")),
            ),
        )
    )
    repo = house.make_repo()
    gates = Gates(house)
    house.add_account("first", "--concurrency", "4", *gates.for_account)
    refuses, everything, keeps = (tmp_path / name for name in ("refuses", "everything", "keeps"))
    programs = refusing_git(tmp_path)
    with farm(house, "bad", "good") as hosts:
        hosts.servers["bad"].environ = {"PATH": f"{programs}:/usr/bin:/bin"}
        restart(hosts.servers["bad"])
        hosts.add("bad", "--workers", "4")
        hosts.add("good", "--workers", "4")
        house.fleet("host", "drain", "local")
        house.fleet("host", "drain", "good")
        with house.coordinator("--checkpoint-every", "1s"):
            house.wait_for(lambda: hosts.shows("bad")["observed_at"] is not None, "it was not reached")
            refuses.touch()
            first = house.add_task(prompt("alpha"), *MERGE)
            house.wait_for(lambda: bool(hosts.shows("bad")["unfit"]), "its refusal is not known")
            told = [house.fleet(*words) for words in (("status",), ("host", "list"), ("why", first))]
            assert all("not while the moon is full" in one for one in told), told
            house.fleet("host", "drain", "good", "--off")
            tasks = [first, *(house.add_task(prompt(name), *MERGE) for name in names[1:])]
            shown = [house.wait_for_state(task, "landed") for task in tasks]
            assert {task["attempts"][-1]["host"] for task in shown} == {"good"}
            assert hosts.shows("bad")["state"] == "ready"

            everything.touch()
            refused = house.run("host", "verify", "bad")
            assert refused.returncode == 1 and "not while the moon is full" in refused.stdout
            everything.unlink()
            refuses.unlink()
            assert f"its git takes {repo} again" in house.fleet("host", "verify", "bad")
            assert hosts.shows("bad")["unfit"] == []

            house.fleet("host", "drain", "good")
            kept = house.add_task(prompt("delta"), *MERGE)
            gates.await_at(kept, "done")
            keeps.touch()
            house.wait_for(
                lambda: bool(hosts.shows("bad")["unfit"]), "that it keeps a checkpoint is not known"
            )
            for wanted in ("checkpoint of", "the verification"):
                house.wait_for(partial(is_why, house, kept, wanted), f"{wanted} is not told")
                why = house.fleet("why", kept)
                assert "not while the moon is full" in why and "its work is kept on host bad meanwhile" in why
                gates.open(kept, "done")
            verified = house.run("host", "verify", "bad")
            assert "not while the moon is full" in verified.stdout, verified.stdout
            keeps.unlink()
            assert house.wait_for_state(kept, "landed")["attempts"][0]["host"] == "bad"
            assert hosts.shows("bad")["unfit"] == []
        assert house.leftovers() == []


def is_why(house: Household, task: str, words: str) -> bool:
    return words in house.fleet("why", task)


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)
