"""Payments: providers, what they tell us, and what follows from it."""
