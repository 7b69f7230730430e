"""The far end: what runs on a host reached over ssh and does there what home asks. Travels, with what it imports."""
