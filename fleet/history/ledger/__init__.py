"""The ledger: one SQLite file of answers, runs and readings, with the sums that reports are made of."""

from fleet.history.ledger.file import DATABASE, Ledger, LedgerUnreadable

__all__ = ["DATABASE", "Ledger", "LedgerUnreadable"]
