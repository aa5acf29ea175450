"""Whether the named strategies are right in a file of records, and the spoiled one wrong."""

import json
import sys
from pathlib import Path

records = json.loads(Path(sys.argv[1]).read_text())
found = {record["strategy"]: record for record in records}
expected = {"spoiled.py": "wrong", **{name.partition("@")[0]: "ok" for name in sys.argv[2:]}}
for name, status in expected.items():
    if found[name]["status"] != status:
        sys.exit(f"{name} is {found[name]['status']}, expected {status}: {found[name]['message']}")
print(", ".join(f"{name} {status}" for name, status in expected.items()))
