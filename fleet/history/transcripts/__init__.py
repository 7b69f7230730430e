"""What the client writes to disk, read tolerantly: answers with their tokens, and readings of buckets."""
