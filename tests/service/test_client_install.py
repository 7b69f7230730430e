"""`fleet client install` against an index on loopback, with the real pip."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from fleet.errors import NotDone
from fleet.service.client_install import KEPT, STAGING, install
from tests.patience import PATIENCE_S
from workers.client.probe.locating import Version, installed_versions, locate

CLIENT = "#!/bin/sh\necho '2.1.{} (Claude Code)'\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Standard error is the test's."""


class Index:
    """A package index with wheels of claude-agent-sdk, each with a client that says its version."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "simple" / "claude-agent-sdk"
        self._directory.mkdir(parents=True)
        self._links: list[str] = []

    def add(self, patch: int, *, sha256: str | None = None, client: bool = True) -> None:
        name = f"claude_agent_sdk-0.2.{patch}"
        wheel = self._directory / f"{name}-py3-none-any.whl"
        files = {
            "claude_agent_sdk/__init__.py": "",
            f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: claude-agent-sdk\nVersion: 0.2.{patch}\n",
            f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        if client:
            files["claude_agent_sdk/_bundled/claude"] = CLIENT.format(patch)
        with zipfile.ZipFile(wheel, "w") as packed:
            for path, text in files.items():
                packed.writestr(path, text)
            packed.writestr(
                f"{name}.dist-info/RECORD",
                "".join(
                    f"{path},sha256={_base64(hashlib.sha256(text.encode()).digest())},{len(text)}\n"
                    for path, text in files.items()
                )
                + f"{name}.dist-info/RECORD,,\n",
            )
        digest = sha256 or hashlib.sha256(wheel.read_bytes()).hexdigest()
        self._links.append(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')
        (self._directory / "index.html").write_text(f"<html><body>{' '.join(self._links)}</body></html>")


def _base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    made = Index(tmp_path / "index")
    handler = partial(Quiet, directory=str(tmp_path / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        yield made
        server.shutdown()
        thread.join()


def test_the_newest_is_installed_once_and_found(index: Index, tmp_path: Path) -> None:
    root, told = tmp_path / "clients", list[str]()
    index.add(198)
    first = install(root, told.append)
    assert (first.version, first.new) == (Version(2, 1, 198), True)
    assert locate(None, "", root).path == first.path
    assert not install(root, told.append).new and len(told) == 1, "the second time nothing is fetched"
    index.add(1000)
    assert install(root, told.append).version == locate_version(root) == Version(2, 1, 1000)
    assert locate(None, "", root).path.parent.name == "0.2.1000", "1000 is newer than 198"


def unheard(_: str) -> None:
    """Where it does not matter what is told."""


def locate_version(root: Path) -> Version:
    from workers.client.probe.locating import version

    return version(locate(None, "", root))


def test_what_does_not_have_the_hash_of_the_index_is_not_installed(index: Index, tmp_path: Path) -> None:
    index.add(198, sha256="0" * 64)
    with pytest.raises(NotDone, match="Nothing was installed"):
        install(tmp_path / "clients", unheard)
    assert installed_versions(tmp_path / "clients") == []


def test_a_wheel_without_a_client_for_this_platform_is_told(index: Index, tmp_path: Path) -> None:
    index.add(198, client=False)
    with pytest.raises(NotDone, match="no client for this platform"):
        install(tmp_path / "clients", unheard)
    assert [entry.name for entry in (tmp_path / "clients").iterdir()] == [".lock"]


def test_a_client_that_is_too_old_for_workers_is_not_installed(index: Index, tmp_path: Path) -> None:
    index.add(7)
    with pytest.raises(NotDone, match=r"2\.1\.7"):
        install(tmp_path / "clients", unheard)
    assert installed_versions(tmp_path / "clients") == []


def test_without_an_index_it_is_told_and_nothing_is_left(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(NotDone, match="pip could not fetch claude-agent-sdk: "):
        install(tmp_path / "clients", unheard)


def test_settings_of_pip_that_install_elsewhere_do_not_matter(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PIP_USER", "1"), ("PIP_TARGET", str(tmp_path / "elsewhere")), ("PIP_QUIET", "0")):
        monkeypatch.setenv(name, value)
    index.add(198)
    assert install(tmp_path / "clients", unheard).new
    assert not (tmp_path / "elsewhere").exists()


def test_old_versions_go_but_for_the_one_that_a_running_coordinator_may_use(
    index: Index, tmp_path: Path
) -> None:
    root = tmp_path / "clients"
    for patch in (198, 199):
        old = root / f"0.2.{patch}"
        old.mkdir(parents=True)
        (old / "claude").write_text(CLIENT.format(patch))
        (old / "claude").chmod(0o755)
    (root / f"{STAGING}killed").mkdir()
    index.add(200)
    install(root, unheard)
    assert [entry.name for entry in installed_versions(root)] == ["0.2.199", "0.2.200"]
    assert len(list(root.iterdir())) == KEPT + 1, "nor is anything left of an installation that was killed"


def test_two_at_once_both_have_it(index: Index, tmp_path: Path) -> None:
    index.add(198)
    program = (
        "import sys; from pathlib import Path; from fleet.service.client_install import install;"
        "print(install(Path(sys.argv[1]), lambda _: None).new)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "clients")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(process.communicate(timeout=PATIENCE_S)[0] for process in both) == ["False\n", "True\n"]
