"""Who may ask: API keys, one-time sign-in links and the sessions they begin.

``keys.db`` holds them all, and of each secret its SHA-256 alone. SHA-256 suffices because a
secret is 256 random bits, which nobody can guess; a slow hash protects what people choose.

A revocation is in force in every worker within 0.25 s, when each next asks whether
``keys.db`` has changed. It ends the sessions that were begun with the key at once.
"""

from respredict.access.checking import Access
from respredict.access.identity import Identity
from respredict.access.keys import Key, create_key, list_keys, revoke_key
from respredict.access.links import create_link
from respredict.access.store import create_access

__all__ = [
    "Access",
    "Identity",
    "Key",
    "create_access",
    "create_key",
    "create_link",
    "list_keys",
    "revoke_key",
]
