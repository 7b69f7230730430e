"""`fleet up --demo`: the main job on a sample repository, with the real client against the scripted double.

Two subscriptions and six tasks. The five-hour window of the first fills up in the middle of the work; the sessions
that were on it go on where the other account has headroom. One task fails its verification first and mends it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources
from pathlib import Path

from fleet.core.events import AccountAdded
from fleet.core.model import Account
from fleet.double import Double, read_script
from fleet.home import Home
from fleet.service.outcome import Outcome, summary
from fleet.service.requests import stamp, submit
from fleet.service.tasks import add, read_file
from fleet.service.up import UpOptions, up
from profiles.profile import make_profile
from profiles.secrets import MemorySecrets
from workers.git import Git, identity

ACCOUNTS = ("work", "side")


@dataclass(frozen=True, slots=True)
class Demo:
    """A new temporary directory with a fleet's home and a sample repository; it stays to be looked at."""

    place: Path

    @property
    def home(self) -> Home:
        return Home(self.place / "home")

    @property
    def repo(self) -> Path:
        return self.place / "sample"


def lay_out() -> Demo:
    return Demo(Path(tempfile.mkdtemp(prefix="fleet-demo-")))


def run(demo: Demo, options: UpOptions, environ: Mapping[str, str]) -> Outcome:
    """Runs the coordinator until every task has ended. Raises NotDone."""
    with resources.as_file(resources.files("fleet.service") / "demo_material") as material:
        _sample_repository(demo.repo, material / "sample")
        with Double(read_script(material / "double.toml")) as double:
            secrets = MemorySecrets()
            for name in ACCOUNTS:
                secrets.put(name, f"demo-token-{name}")
                submit(demo.home, AccountAdded(**stamp(), account=_account(name, double.base_url)))
            add(demo.home, read_file(_tasks(demo, material)), datetime.now().astimezone())
            return up(demo.home, replace(options, until_idle=True, foresee=False), environ, secrets)


def _account(name: str, base_url: str) -> Account:
    profile = make_profile(name=name, kind="subscription", base_url=base_url)
    return Account(
        name=name,
        kind="subscription",
        tiers=tuple(profile.tiers.items()),
        concurrency=3,
        pool=profile.pool,
        added_ms=int(stamp()["at_ms"]),
        base_url=profile.base_url,
    )


def _sample_repository(path: Path, material: Path) -> None:
    """A repository as a person might have it, with another branch checked out than the one that work lands on."""
    path.mkdir()
    git = Git(path)
    git.run("init", "--quiet", "--initial-branch=main")
    for source in sorted(material.rglob("*")):
        if source.is_file():
            target = path / source.relative_to(material)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    git.run("add", "--all")
    git.run("commit", "--quiet", "--message", "Begin", env=identity(git))
    git.run("switch", "--quiet", "--create", "my-own-work")


def _tasks(demo: Demo, material: Path) -> Path:
    """The tasks' file, beside the repository that it names."""
    path = demo.place / "tasks.toml"
    path.write_text((material / "tasks.toml").read_text().replace("REPO", str(demo.repo)))
    return path


def report(demo: Demo, outcome: Outcome, command: str) -> str:
    """What the person has just seen, and where to look further with `command`, which is how Fleet was called."""
    moves = sum(1 for task in outcome.tasks if task.attempts > 1)
    sessions = "One session was" if moves == 1 else f"{moves} sessions were"
    history = Git(demo.repo).run("log", "--graph", "--oneline", "main").out
    return f"""{summary(outcome)}
{sessions} taken to the other account in the middle of a task, when the first one's window was full.

main of the sample repository:
{history}

Look around:  FLEET_HOME={demo.home.root} {command} task list    (or: task show t1, task logs t1, why t1)
Clean up:     rm -r {demo.place}"""
