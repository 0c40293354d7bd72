//! Patches and proposals that several tests use.

use serde_json::{Value, json};

/// Makes `add` work on text digits too, with a test: passes.
pub(crate) const GOOD: &str = "\
diff --git a/calc.py b/calc.py
--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,3 @@
 def add(a, b):
-    return a + b
+    \"\"\"The sum of two numbers.\"\"\"
+    return int(a) + int(b)
diff --git a/tests/test_calc.py b/tests/test_calc.py
--- a/tests/test_calc.py
+++ b/tests/test_calc.py
@@ -3,3 +3,7 @@ from calc import add
 
 def test_add():
     assert add(1, 2) == 3
+
+
+def test_add_text():
+    assert add(\"1\", 2) == 3
";

/// Breaks `add`: its test fails.
pub(crate) const BREAKING: &str = "\
--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a + b
+    return a - b
";

/// Makes the test run until it is ended.
pub(crate) const ENDLESS: &str = "\
--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,5 @@
 def add(a, b):
+    print(\"the endless loop begins\", flush=True)
+    while True:
+        pass
     return a + b
";

/// Writes one file with JSON.
pub(crate) fn writing(path: &str, content: &str) -> Value {
    json!({"schema": 1, "goal": "Write one file", "edits": [{"path": path, "op": "write", "content": content}]})
}
