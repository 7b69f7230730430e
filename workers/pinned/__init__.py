"""A client takes no order from a repository: what it is told (pins, files), and the proof that it listens. Travels."""
