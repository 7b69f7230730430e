"""Submodules of a worktree, taken from the repository's own copies, so that nothing is fetched that is already there.

git keeps one clone per submodule below `modules/` of the repository, and another one for each worktree. The second is
cloned from the first (hard links, no network), with its remote then set to what the first has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from workers.git import Git, GitError, GitFailed, answer
from workers.git_environment import configured

BASE_REF = "refs/fleet/base"
WORK_REFS = "refs/fleet/work"
"""Commits of a submodule that came back from its worktrees lie below, each under its own id."""


class SubmoduleMissing(GitError):
    """A submodule could neither be taken from the repository nor be fetched."""


@dataclass(frozen=True)
class Submodule:
    """One as a commit or an index has it. `url` may be relative."""

    name: str
    path: str
    url: str
    commit: str


def is_inside(name: str) -> bool:
    """Whether a submodule's name or path stays where it is put: a commit may be of a stranger, who names any."""
    path = PurePosixPath(name)
    # As file systems read them that know no upper case, and no space or point at the end.
    parts = {part.rstrip(" .").lower() or ".." for part in path.parts}
    odd = {"..", ".git", "git~1"} & parts or "\\" in name or not name.isprintable()
    return bool(path.parts) and not path.is_absolute() and not odd


@dataclass(frozen=True)
class Sources:
    """Where clones may be taken from: `modules` of a git directory, and the user's checkout (None for a bare one)."""

    modules: Path
    checkout: Path | None

    def of(self, submodule: Submodule) -> Path | None:
        """A local repository that has the submodule's commit."""
        return next((copy for copy in self.copies(submodule) if has(copy, submodule.commit)), None)

    def copies(self, submodule: Submodule) -> list[Path]:
        """The local repositories of the submodule that there are."""
        places = [_below(self.modules, submodule.name)]
        if self.checkout is not None:
            places.append(_below(self.checkout, submodule.path, ".git"))
        return [place for place in places if place is not None and (place / "HEAD").is_file()]

    def inside(self, submodule: Submodule) -> Sources:
        checkout = self.checkout / submodule.path if self.checkout else None
        return Sources(self.modules / submodule.name / "modules", checkout)


def _below(root: Path, name: str, *more: str) -> Path | None:
    """Where that is, unless it leads elsewhere by its name or by a link: to another repository of the person's."""
    place = root.joinpath(name, *more)
    stays = is_inside(name) and place.resolve() == root.resolve().joinpath(name, *more)
    return place if stays else None


def populate(worktree: Path, sources: Sources, held_fds: tuple[int, ...] = ()) -> None:
    """Check out all submodules of the worktree, also nested ones. Raises SubmoduleMissing."""
    git = Git(worktree, held_fds=held_fds)
    for submodule in _submodules(git):
        _check_out(git, submodule, sources)
        inside = worktree / submodule.path
        if (inside / ".git").exists():
            populate(inside, sources.inside(submodule), held_fds)


def share(worktree: Path, sources: Sources) -> None:
    """Bring the commits that the worktree's submodules stand at into the repository's own copies of them.

    Otherwise a commit that names them could be checked out nowhere else, not even to land it. Raises GitFailed.
    """
    for submodule in _submodules(Git(worktree)):
        inside = worktree / submodule.path
        if not (inside / ".git").exists():
            continue
        share(inside, sources.inside(submodule))
        home = _below(sources.modules, submodule.name)
        if home is not None and (home / "HEAD").is_file() and not has(home, submodule.commit):
            words = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance")
            wanted = f"{submodule.commit}:{WORK_REFS}/{submodule.commit}"
            Git(home).run(
                "-c", "protocol.file.allow=always", *words, "--no-write-fetch-head", str(inside), wanted
            )


def has(repository: Path, commit: str) -> bool:
    """Whether the repository in that git directory has the commit."""
    return Git(repository).commit_of(commit) is not None


def named_by(git: Git, commit: str) -> list[Submodule]:
    """Those that `commit` both describes in its .gitmodules and holds."""
    if not git.said("ls-tree", commit, "--", ".gitmodules").startswith("100"):
        return []
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", commit).fields
    return list(_described(git, ("--blob", f"{commit}:.gitmodules"), _commits(listed, at=2)))


def _submodules(git: Git) -> Iterator[Submodule]:
    """Those that are both described in .gitmodules and present in the index."""
    if (git.directory / ".gitmodules").is_file():
        listed = git.run("ls-files", "--stage", "-z").fields
        yield from _described(git, ("--file", ".gitmodules"), _commits(listed, at=1))


def _described(git: Git, where: tuple[str, str], commits: dict[str, str]) -> Iterator[Submodule]:
    words = ("config", "-z", *where, "--get-regexp", r"^submodule\..*\.(path|url)$")
    said = dict(field.partition("\n")[::2] for field in answer(git, *words).fields)
    for key, path in said.items():
        name = key.removeprefix("submodule.").removesuffix(".path")
        if key.endswith(".path") and path in commits:
            yield Submodule(name, path, said.get(f"submodule.{name}.url", ""), commits[path])


def _commits(listed: list[str], at: int) -> dict[str, str]:
    """The commits in a listing by path; the id is the word numbered `at`."""
    parts = (line.partition("\t") for line in listed if line.startswith("160000"))
    return {path: about.split()[at] for about, _, path in parts}


def _check_out(git: Git, submodule: Submodule, sources: Sources) -> None:
    local = sources.of(submodule)
    url = str(local) if local else _absolute_url(git, submodule.url)
    settings = {f"submodule.{submodule.name}.url": url, f"submodule.{submodule.name}.active": "true"}
    if local:
        settings["protocol.file.allow"] = "always"
    try:
        # Not --init: that would write into the configuration of the user's repository.
        git.run("submodule", "--quiet", "update", "--", submodule.path, env=configured(settings))
    except GitFailed as error:
        raise SubmoduleMissing(
            f"submodule {submodule.name} ({submodule.path}) at {submodule.commit[:12]} is not in the repository's own "
            f"copy and could not be had from {url}: run `git submodule update --init {submodule.path}` in your "
            f"checkout, then try again. git said: {error.stderr.strip()}"
        ) from error
    inside = git.directory / submodule.path
    if (inside / ".git").exists():
        _remember_origin(Git(inside), local)


def _remember_origin(inside: Git, local: Path | None) -> None:
    inside.run("update-ref", BASE_REF, "HEAD")
    origin = answer(Git(local), "config", "remote.origin.url") if local else None
    if origin is not None and origin.ok:
        inside.run("remote", "set-url", "origin", origin.out)


def _absolute_url(git: Git, url: str) -> str:
    """A relative address counts from the repository's own remote, or from its checkout when it has none."""
    if not url.startswith(("./", "../")):
        return url
    origin = answer(git, "config", "remote.origin.url")
    common = git.said("rev-parse", "--path-format=absolute", "--git-common-dir")
    start = origin.out if origin.ok else str(Path(common).parent)
    while url.startswith(("./", "../")):
        head, _, url = url.partition("/")
        start = start.rstrip("/").rpartition("/")[0] if head == ".." else start
    return f"{start.rstrip('/')}/{url}"
