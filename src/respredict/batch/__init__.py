"""A table of men, of any size, into a file of scores."""

from respredict.batch.requests import requests_of
from respredict.batch.run import score_table

__all__ = ["requests_of", "score_table"]
