"""Side by side, in one run: what this node does beside what others do. `make bench`; the tables are
in results/.
"""
