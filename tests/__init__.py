"""One folder for each room of ich_node; support/ has the peers and examples that several of them
use.
"""
