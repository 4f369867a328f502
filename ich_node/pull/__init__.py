"""Series that the node missed: a source is asked which it has, and those that are not in the ledger
are fetched, one at a time.
"""
