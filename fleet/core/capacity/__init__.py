"""What capacity there is, and what work takes of it: buckets, rates, costs, what is kept, what limits still allow."""
