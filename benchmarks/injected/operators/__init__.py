"""Operators: each plants one known fault, of a few severities, wherever a program has room for it.

One file per family of faults. An operator is a function from a program to the plantings it offers, marked with
:func:`registry.operator`; they are found by walking this package.
"""
