"""`ich-node statistics`: what was read in some days, how fast, and whether the scores drift.

::

    figures.py    the ledger's counts and scores -> Statistics
    drift.py      whether the scores of a period are like earlier ones
    text.py       Statistics as lines for a terminal
    page.py       Statistics as one self-contained HTML file
    table.py      one line a series for a registry of AI results
"""
