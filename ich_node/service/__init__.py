"""The node as a service of this machine: what `install-service` makes, and
`uninstall-service` takes away.

A plan is a list of steps. Each looks at the machine and says what it would do, and does it only
when it is told to: the same plan is the dry run, the installation, and the proof that there is
nothing left to do.
"""
