"""The history of the SQL schema; ``tables.py`` is where it has led."""
