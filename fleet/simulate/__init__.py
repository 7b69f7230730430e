"""A week in seconds: scenarios, drawn from a seed, run through the real engine under ours or a peer's policy.

`read` a scenario, `draw` a case from it and a seed, `run_case` it, `score` the record, `picture` it.
"""
