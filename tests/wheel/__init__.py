"""The wheel as people get it: `make wheel-test`."""
