"""F4: the composition root. Commands and read models for all faces."""
