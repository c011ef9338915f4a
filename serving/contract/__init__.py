"""The contract of the service, told as an OpenAPI document: every field, every answer.

``fields`` makes the pieces, ``asked`` is drawn from the schema of a request, ``answered``
and ``audited`` tell the answers, ``operations`` draws the paths from the addresses.
"""
