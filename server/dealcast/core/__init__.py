"""Words of the house: ids, money, events, refusals, clock. No I/O."""
