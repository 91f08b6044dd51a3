"""Deals and listings: a price, with stock allotted to it."""
