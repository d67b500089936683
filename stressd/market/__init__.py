"""What a rates desk knows: tenors, units, conventions, symbols, sessions and holidays, curve shapes. Pure."""
