"""The async outside (anyio). Performs decisions, and turns what comes back into events."""
