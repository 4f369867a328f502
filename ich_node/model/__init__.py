"""The network, the bundle that holds it, and the engines that run it."""
