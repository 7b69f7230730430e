"""A home's own weeks to come as a scenario for the simulator: what it has learned, and guesses where it has not."""

from fleet.service.own_week.scenario import OwnWeek, own_week

__all__ = ["OwnWeek", "own_week"]
