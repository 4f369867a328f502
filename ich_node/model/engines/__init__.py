"""The engines that run the network: torch on every device, and OpenVINO on CPUs if installed."""
