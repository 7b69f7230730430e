"""What words of a person mean, and how values are said: times, spans, hours, amounts, labels."""
