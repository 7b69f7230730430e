"""The Claude Code client, as whoever runs workers knows it: five modules, and nothing behind them.

`launch` starts it, `words` are what it is told, `listen` hears what it says and what that means, `session` finds and
carries what it remembers, `probe` looks for it and asks it about an account. Another client would plug in here:
docs/house.md, "Seams".
"""
