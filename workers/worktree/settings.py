"""`.fleet.toml`: what a repository asks for in its worktrees.

It is read from the commit the work starts from, never from the user's checkout: what is not committed does
not count.
"""

from __future__ import annotations

import tomllib
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from workers.git import GitError, RunsGit

FILE = ".fleet.toml"


class SettingsWrong(GitError):
    """`.fleet.toml` cannot be used; the message names the key and what is allowed."""


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts or "\0" in path:
        raise ValueError("must be a path inside the repository, relative to its root")
    if ".git" in (part.lower() for part in parts):
        raise ValueError("must not be part of .git")
    return path


def _not_blank(command: str) -> str:
    if not command.strip():
        raise ValueError("must not be blank")
    return command


InsidePath = Annotated[str, AfterValidator(_inside)]
Command = Annotated[str, AfterValidator(_not_blank)]


class WorktreeSettings(BaseModel):
    """How a worktree is made ready: `ports` is how many ports it gets, `copy` and `link` name ignored files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    setup: tuple[Command, ...] = ()
    copy_paths: tuple[InsidePath, ...] = Field(default=(), alias="copy")
    link: tuple[InsidePath, ...] = ()
    ports: int = Field(default=10, ge=0, le=1000)


class VerifySettings(BaseModel):
    """The commands of the gate for every task of this repository."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commands: tuple[Command, ...] = ()


class Settings(BaseModel):
    """All of `.fleet.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    worktree: WorktreeSettings = WorktreeSettings()
    verify: VerifySettings = VerifySettings()


_ALLOWED = {
    (): ("[worktree]", "[verify]"),
    ("worktree",): ("setup", "copy", "link", "ports"),
    ("verify",): ("commands",),
}


def read_settings(git: RunsGit, commit: str) -> Settings:
    """The settings as of `commit`, the defaults when the file is not there. Raises SettingsWrong."""
    listed = git.run("ls-tree", "--full-tree", "-z", commit, "--", FILE).fields
    if not listed:
        return Settings()
    mode, kind, blob = listed[0].partition("\t")[0].split(" ")
    if kind != "blob" or mode == "120000":
        raise SettingsWrong(f"{FILE} (at {commit[:12]}) must be a plain file")
    return parse_settings(git.run("cat-file", "blob", blob).out, f"{FILE} (at {commit[:12]})")


def parse_settings(text: str, named: str = FILE) -> Settings:
    """The settings in `text`. Raises SettingsWrong, whose message begins with `named`."""
    try:
        return Settings.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsWrong(f"{named} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise SettingsWrong(f"{named}: " + "; ".join(_explained(error))) from error


def _explained(error: ValidationError) -> list[str]:
    return [_one(tuple(problem["loc"]), problem["type"], problem["msg"]) for problem in error.errors()]


def _one(where: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(str(part) for part in where)
    if kind == "extra_forbidden":
        allowed = ", ".join(_ALLOWED.get(tuple(str(part) for part in where[:-1]), ()))
        return f"unknown key {key!r}; allowed here: {allowed}"
    return f"{key}: {message.removeprefix('Value error, ')}"
