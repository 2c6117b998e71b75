"""A robot of one's own: an MJCF or URDF file with a sidecar, from strangers until proven otherwise."""
