"""`ich-node backup` and `ich-node restore`.

::

    folder.py       the folder of the backups: what lies where, who uses it, what is older
    manifest.py     what a backup says about itself
    durable.py      files that are whole, or not there
    named_files.py  keys, certificates and passwords: the files that config.toml names
    copying.py      objects of the spool, each once for all backups of a folder
    bundles.py      bundles that the ledger names
    records.py      reports of commissionings
    secret_files.py keys and passwords, for each setting that names a file
    prune.py        older backups, and what only they needed
    make.py         one backup
    check.py        whether a backup is whole
    plan.py         what a restore would do, and what forbids it
    restore.py      it is done
"""
