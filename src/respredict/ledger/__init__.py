"""The ledger: every answer durable, verifiable and erasable; it knows nothing of models.

``record`` and ``payload`` turn a record into bytes, ``store`` opens the file, ``chain``
appends, ``writer`` commits, ``remote`` has a process of its own commit for a service,
``checkpoints`` signs, ``verify`` judges, ``erase`` forgets, ``backup`` and ``pack`` carry
away. ``format.md`` is the byte format.
"""
