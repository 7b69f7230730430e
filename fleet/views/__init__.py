"""What is shown: plain dicts and lists, ready for JSON, for every face."""
