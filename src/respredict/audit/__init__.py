"""What an auditor asks of the ledger: the same number again, and who was champion when.

``replaying`` rescores what was decided, ``promotions`` tells which model was live and why,
``environment`` what computed it. The ledger knows nothing of models; this does.
"""
