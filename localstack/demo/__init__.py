"""`make demo`: the whole loop on one machine, shown as it happens."""
