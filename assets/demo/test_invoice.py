from decimal import Decimal

from invoice import invoice_total, line_total


def test_a_line_is_quantity_times_price():
    assert line_total("3", "1.10") == Decimal("3.30")


def test_an_empty_invoice_is_zero():
    assert invoice_total([]) == Decimal("0.00")


def test_lines_are_rounded_one_by_one():
    assert invoice_total([("0.333", "1.00"), ("0.333", "1.00")]) == Decimal("0.66")
