"""`ich-node verdicts import`: tables of what radiologists say about series."""
