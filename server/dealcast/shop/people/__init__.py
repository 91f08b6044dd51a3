"""People: who asks, by token; demo accounts; one-time staff codes."""
