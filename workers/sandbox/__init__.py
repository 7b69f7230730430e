"""What work sees of a machine: its own cell, by bubblewrap. Travels."""
