"""Clients of the product: crowd, verify, the sandbox payment provider."""
