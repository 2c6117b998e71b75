"""What drives a robot: policies, the safety chain, links and policy servers."""
