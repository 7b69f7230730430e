"""What was used, as frozen rows: by time, by whom, in blocks, by hour of the week, and where it leads.

Nothing heavy is imported: a report is asked for as often as a clock is looked at.
"""
