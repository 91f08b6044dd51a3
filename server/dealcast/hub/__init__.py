"""Fan-out: one log, one lane per connection."""
