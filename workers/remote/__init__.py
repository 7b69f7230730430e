"""Hosts reached over ssh: the far end that travels there, the link to it, and what goes to and fro."""
