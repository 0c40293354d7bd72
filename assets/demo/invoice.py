"""Totals of invoice lines."""

from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")


def line_total(quantity, price):
    """The total of one line, in whole cents."""
    return (Decimal(quantity) * Decimal(price)).quantize(CENT, rounding=ROUND_HALF_EVEN)


def invoice_total(lines):
    """The total of all lines; each line is rounded on its own."""
    return sum((line_total(quantity, price) for quantity, price in lines), Decimal("0.00"))
