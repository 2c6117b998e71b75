"""What the speed claims rest on: each module measures one thing and is run by `make bench`."""
