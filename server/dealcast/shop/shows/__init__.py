"""Shows: one live sale each; scheduled, live, ended."""
