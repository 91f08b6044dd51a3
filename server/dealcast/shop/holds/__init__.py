"""Holds: a buyer's claims on stock; and the bag, which is all of them in a show."""
