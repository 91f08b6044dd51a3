"""The set-up of a clone, in standard-library Python."""
