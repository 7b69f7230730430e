"""What runs: the coordinator with all its parts, the demo, the doctor."""
