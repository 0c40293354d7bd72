//! What honest test suites do and must be able to do inside.
