"""A world of government bonds whose every jump and every fault is known: ticks with labels, to score the engine on."""
