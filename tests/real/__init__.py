"""The whole program with the real client, against the loopback double."""
