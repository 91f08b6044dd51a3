"""One folder for each mechanic; strangers to each other."""
