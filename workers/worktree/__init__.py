"""Worktrees: made, made ready, preserved, removed. Nothing is ever deleted that is not in a commit."""
