#!/bin/sh
# The tests of this project for a machine without pytest: they need only sh and write the report
# (JUnit XML) that milton asks for in MILTON_JUNIT_XML.
report=${MILTON_JUNIT_XML:-/dev/null}
passed=0
failed=0
cases=

check() {
    if grep -q -- "$2" "$3"; then
        passed=$((passed + 1))
        cases="$cases<testcase classname=\"run\" name=\"$1\"/>"
        echo "ok      $1"
    else
        failed=$((failed + 1))
        cases="$cases<testcase classname=\"run\" name=\"$1\"><failure message=\"$2 is not in $3\"/></testcase>"
        echo "FAILED  $1: $2 is not in $3"
    fi
}

check rounding_is_named "rounding=ROUND_" invoice.py
check lines_are_totalled "def line_total" invoice.py
check invoices_are_totalled "def invoice_total" invoice.py
check rounding_is_documented "[Rr]ounded half" README.md

echo "$passed passed, $failed failed"
printf '<testsuite name="run" tests="%d" failures="%d" errors="0" skipped="0">%s</testsuite>\n' \
    $((passed + failed)) "$failed" "$cases" >"$report"
[ "$failed" -eq 0 ]
