"""Fleet: a coordinator for headless Claude Code workers over several accounts."""
