"""The domain, stated once: analytes, quantities, the record and the request."""
