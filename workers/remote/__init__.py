"""Hosts reached over ssh, from home: the link to their far end, and what goes to and fro."""
