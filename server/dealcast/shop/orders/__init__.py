"""Orders: born when the ledger commits a confirmed payment."""
