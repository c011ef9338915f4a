"""FHIR R4 and CDS Hooks 2.0 into a request for a score, and its answer back: pure functions.

``codes`` says which LOINC codes and UCUM units are read, ``observations`` picks the readings of
one man, ``evaluation`` makes a request of them, ``risk_assessment``, ``outcome`` and
``capability`` write FHIR, ``hooks`` and ``cards`` speak CDS Hooks.
"""
