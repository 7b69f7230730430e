"""The composition root. Commands and read models for all faces."""
