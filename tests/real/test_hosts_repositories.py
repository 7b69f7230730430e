"""Repositories that are more than their commits, worked on by a host that has no access to where they are from."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.double import Script
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.household import Household
from tests.real.scripting import job, prompt, runs, says, subscription
from tests.workers.sshd import needs

pytestmark = pytest.mark.client

CONFIGURATION = """
[user]
name = Test
email = test@localhost
[protocol "file"]
allow = always
[filter "lfs"]
clean = git-lfs clean -- %f
smudge = git-lfs smudge -- %f
required = true
"""
NEW = "new and large\n"
WORK = f"""
echo more > lib/more.txt &&
git -C lib add . && git -C lib -c user.name=W -c user.email=w@localhost commit --quiet -m More &&
printf %s '{NEW}' > new.bin && echo changed > big.bin
"""


def git(house: Household, where: Path, *words: str) -> str:
    ended = subprocess.run(
        ["git", "-C", str(where), *words], env=house.env, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


def make_repo_with_a_submodule_and_large_files(house: Household) -> None:
    (house.root / ".gitconfig").write_text(CONFIGURATION)
    lib = house.root / "lib"
    git(house, house.root, "init", "--quiet", "--initial-branch=main", "lib")
    (lib / "lib.txt").write_text("lib\n")
    git(house, lib, "add", ".")
    git(house, lib, "commit", "--quiet", "-m", "Begin")
    house.make_repo(
        {".gitattributes": "*.bin filter=lfs -text\n", "big.bin": "large\n" * 1000}, checked_out="main"
    )
    house.git("submodule", "--quiet", "add", str(lib), "lib")
    house.git("commit", "--quiet", "-m", "Add the library")
    house.git("switch", "--quiet", "--create", "elsewhere")
    shutil.rmtree(lib)


def test_a_submodule_and_large_files_are_changed_on_a_host_and_land(household: MakeHousehold) -> None:
    needs("git-lfs")
    house = household(
        Script(accounts=(subscription("first"),), tasks=(job("alpha", runs(WORK), says("Done.")),)),
    )
    make_repo_with_a_submodule_and_large_files(house)
    house.add_account("first")
    with farm(house, "one") as hosts:
        hosts.add("one")
        house.fleet("host", "drain", "local")
        task = house.add_task(
            prompt("alpha"),
            *("--target", "main", "--land", "merge", "--allow-tool", "Bash"),
            *(
                "--verify",
                "test -f lib/lib.txt -a -f lib/more.txt && grep -q changed big.bin && grep -q large new.bin",
            ),
        )
        with house.coordinator("--checkpoint-every", "1s"):
            shown = house.wait_for_state(task, "landed", "failed")
        assert (shown["state"], shown["attempts"][0]["host"]) == ("landed", "one"), shown["reason"]
    assert house.git("show", "main:new.bin").startswith("version https://git-lfs.github.com/spec/v1")
    digest = hashlib.sha256(NEW.encode()).hexdigest()
    stored = house.repo / ".git" / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
    assert stored.read_text() == NEW
    commit = house.git("rev-parse", "main:lib").strip()
    assert git(house, house.repo / ".git" / "modules" / "lib", "show", f"{commit}:more.txt") == "more"
    assert house.leftovers() == []
