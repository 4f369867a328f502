"""Ways to run the network: one Engine interface; torch on every device, OpenVINO on CPUs that have
it.
"""
