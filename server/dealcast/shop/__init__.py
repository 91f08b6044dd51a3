"""What every feature stands on: people, shows, catalog, deals, orders, payments."""
