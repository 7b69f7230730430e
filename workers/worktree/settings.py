"""Reads `.fleet.toml`. Only at home: hosts are told what to do.

It is read from the commit the work starts from, never from the user's checkout: what is not committed does
not count.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from workers.git import RunsGit
from workers.messages import FIELDS, unknown_fields
from workers.worktree.wanted import FILE, Settings, SettingsWrong, VerifySettings, WorktreeSettings

__all__ = ["SettingsWrong", "parse_settings", "read_settings", "worktree_settings"]

TEXT_BYTES_MAX = 256_000
"""A person reads it before its commands run, so it must not be more than one can read."""


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


def _with_known_fields(message: str) -> str:
    unknown = unknown_fields(_not_blank(message))
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise ValueError(f"there is no field {{{unknown[0]}}}; there are {known}")
    return message


InsidePath = Annotated[str, AfterValidator(_inside)]
Command = Annotated[str, AfterValidator(_not_blank)]
Message = Annotated[str, AfterValidator(_with_known_fields)]


class _Worktree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    setup: tuple[Command, ...] = ()
    copy_paths: tuple[InsidePath, ...] = Field(default=(), alias="copy")
    link: tuple[InsidePath, ...] = ()
    ports: int = Field(default=WorktreeSettings.ports, ge=0, le=1000)


class _Verify(BaseModel):
    model_config = ConfigDict(extra="forbid")

    commands: tuple[Command, ...] = ()


class _Commit(BaseModel):
    """Of a commit of the fleet's own: of what a worker left uncommitted, or a merge."""

    model_config = ConfigDict(extra="forbid")

    message: Message | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    worktree: _Worktree = _Worktree()
    verify: _Verify = _Verify()
    commit: _Commit = _Commit()
    land: _Commit = _Commit()


_ALLOWED = {
    (): ("[worktree]", "[verify]", "[commit]", "[land]"),
    ("worktree",): ("setup", "copy", "link", "ports"),
    ("verify",): ("commands",),
    ("commit",): ("message",),
    ("land",): ("message",),
}


def read_settings(git: RunsGit, commit: str) -> Settings:
    """The settings as of `commit`, the defaults when the file is not there. Raises SettingsWrong."""
    named = f"{FILE} (at {commit[:12]})"
    listed = git.run("ls-tree", "--full-tree", "--long", "-z", commit, "--", FILE).fields
    if not listed:
        return Settings()
    mode, kind, blob, size = listed[0].partition("\t")[0].split()
    if kind != "blob" or mode == "120000":
        raise SettingsWrong(f"{named} must be a plain file")
    if int(size) > TEXT_BYTES_MAX:
        raise SettingsWrong(f"{named} has {size} bytes: {TEXT_BYTES_MAX} are the most that it may have")
    return replace(parse_settings(git.run("cat-file", "blob", blob).out, named), commit=commit)


def worktree_settings(git: RunsGit, commit: str) -> WorktreeSettings:
    """What `make_ready` is to do for a worktree from `commit`. Raises SettingsWrong."""
    return read_settings(git, commit).worktree


def parse_settings(text: str, named: str = FILE) -> Settings:
    """The settings in `text`. Raises SettingsWrong, whose message begins with `named`."""
    try:
        file = _File.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsWrong(f"{named} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise SettingsWrong(f"{named}: " + "; ".join(_explained(error))) from error
    asked = file.worktree
    return Settings(
        WorktreeSettings(asked.setup, asked.copy_paths, asked.link, asked.ports),
        VerifySettings(file.verify.commands),
        file.land.message,
        file.commit.message,
        text,
    )


def _explained(error: ValidationError) -> list[str]:
    return [_one(tuple(problem["loc"]), problem["type"], problem["msg"]) for problem in error.errors()]


def _one(where: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(str(part) for part in where)
    if kind == "extra_forbidden":
        allowed = ", ".join(_ALLOWED.get(tuple(str(part) for part in where[:-1]), ()))
        return f"unknown key {key!r}; allowed here: {allowed}"
    return f"{key}: {message.removeprefix('Value error, ')}"
