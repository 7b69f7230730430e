"""Bringing the ledger up to date with the transcripts on disk."""

from fleet.history.scan.finding import ConfigDir
from fleet.history.scan.result import ScanResult, Unreadable
from fleet.history.scan.scanning import scan

__all__ = ["ConfigDir", "ScanResult", "Unreadable", "scan"]
