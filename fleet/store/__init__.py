"""Durable state. SQLite today; the SQL lies in `.sql` files and stays portable where it can."""
