"""The pure core. No clock, no randomness, no I/O, no async, no logging. Values in, values out."""
