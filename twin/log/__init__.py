"""What happened, kept: the journal, the tables of a run folder, and foreign logs brought into them."""
