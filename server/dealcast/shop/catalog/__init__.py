"""The catalog: sellers, products, variants and free stock; import from CSV."""
