"""Pins: products shown on top of a show."""
