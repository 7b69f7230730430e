"""`fleet`, `fleet --version`, `fleet doctor`."""

from __future__ import annotations

import argparse
import os

from fleet.cli.show import as_json, print_findings, put
from fleet.streams import out


def version_or_help(args: argparse.Namespace) -> int:
    if getattr(args, "version", False):
        from importlib.metadata import version

        put(f"fleet {version('fleet-coordinator')}")
        return 0
    from fleet.cli.parser import build

    group = getattr(args, "group", None) or build(asked=())
    group.print_help(out())
    return 2


def doctor(args: argparse.Namespace) -> int:
    """1 when something is an error."""
    from dataclasses import asdict

    from fleet.home import find_home
    from fleet.run.doctor import examine

    findings = examine(find_home(os.environ), os.environ)
    if args.json:
        as_json([asdict(finding) for finding in findings])
    else:
        print_findings(findings)
    return int(any(finding.grade == "error" for finding in findings))
