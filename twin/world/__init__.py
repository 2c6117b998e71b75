"""Physics behind one protocol: rows of one cell model that step, are observed and fail one at a time."""
