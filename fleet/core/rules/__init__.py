"""What each event changes: `step` finds the rule of an event here."""
