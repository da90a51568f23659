"""A process in which files of unknown origin are opened and run: it can be ended, which a call of a runtime can't.

`process.py` is the parent's view, `server.py` the child's, `limits.py` says how long and with how much memory, and
`arrays.py` how arrays get from one to the other.
"""
