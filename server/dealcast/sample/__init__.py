"""The sample catalog, and the pictures of its products."""
