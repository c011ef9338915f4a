"""A logistic model as an equation: coefficients with units, a file, and a spreadsheet formula."""

from respredict.equation.files import read_equation
from respredict.equation.terms import Equation, Term, equation_of

__all__ = ["Equation", "Term", "equation_of", "read_equation"]
