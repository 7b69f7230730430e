"""The Claude Code command line as a worker: find it, start it, read what it says, judge how it ended."""
