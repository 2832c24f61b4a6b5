"""Floor 5: a person acts. One game, dream or truth, behind a page served on this machine and behind a notebook's widget."""
