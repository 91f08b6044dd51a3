"""All that outlives a process: Redis admits, SQL sells."""
