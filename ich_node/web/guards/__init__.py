"""Lets only those requests through that may come, in this order.

::

    headers.py    what browsers are told about every answer
    bugs.py       a bug is logged, and answered with a page
    limits.py     how many requests at once, how much of each, how long it may take
    hosts.py      only under a known name, and only where nobody can read along
    forms.py      only pages of this site change something
    signed_in.py  only who is signed in
    machines.py   addresses for machines, to which hosts.py, forms.py and signed_in.py do not apply
"""
