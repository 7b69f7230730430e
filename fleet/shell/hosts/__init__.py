"""Machines that run workers: what each does for the coordinator, here or far, and how they are watched."""
