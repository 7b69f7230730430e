"""Bringing the ledger up to date with the transcripts on disk."""

from history.scan.finding import ConfigDir
from history.scan.result import ScanResult, Unreadable
from history.scan.scanning import scan

__all__ = ["ConfigDir", "ScanResult", "Unreadable", "scan"]
