"""What is read and told of a study, as one thing: which reconstruction of an acquisition is read,
whose answer is told, and who is told that there is none.

::

    facts.py      what a series' headers and positions say about its acquisition and quality
    headers.py    the headers of a job, from the spool
    site_rules.py [[rules]] of config.toml as the rules that the series room knows
    rule_trial.py what drafts of rules would do with series that were received
    overview.py   one study as people look at it: its answer, and why the others gave none
    choice.py     whether a claimed job is read, and whether its answer is told
    teller.py     "not analysed" and "overdue", once a study
    routes.py     who may hear of which series
    withdrawal.py takes an answer back
"""
