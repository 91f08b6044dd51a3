"""The HTTP API, health and the built client."""
