"""Where promises end: sweeps over what a farm meets, and the edge at which a check stops holding."""
