"""What was used: transcripts are read into a ledger of answers, and reports are made of it."""
