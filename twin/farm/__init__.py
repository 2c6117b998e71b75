"""The farm itself: jobs to cells, episodes on lanes, resets, people and detectors, on one clock."""
