"""From the ledger of use to what each bucket keeps for its person (docs/forecast.md)."""
