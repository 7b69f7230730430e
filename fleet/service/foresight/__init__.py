"""What persons are expected to use of each bucket, from the ledger of what they used."""
