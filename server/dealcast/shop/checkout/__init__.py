"""Checkout: a buyer's holds become one payment, which becomes one order."""
