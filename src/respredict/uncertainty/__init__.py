"""How sure an answer is, and when it should not be given: refits, blood drawn again, support."""
