"""The words of an answer: phrases, cautions, and the page that a terminal shows."""
