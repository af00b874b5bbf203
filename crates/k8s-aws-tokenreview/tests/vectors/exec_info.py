"""Runs the Go aws-iam-authenticator once for every row of exec_info.json and prints what it wrote, one row a line.

tests/exec.rs reads these credentials, writes them again and wants the same bytes; and holds the versions they are in
against ours. The program calls nobody: the credentials are the example ones of the AWS documentation.

To make exec_info.go.json again:

    python3 exec_info.py /path/to/aws-iam-authenticator > exec_info.go.json
"""

import json
import os
import subprocess
import sys
import tempfile

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "exec_info.json"), encoding="utf-8") as file:
    rows = json.load(file)

with tempfile.TemporaryDirectory() as home:
    base = {
        "HOME": home,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_REGION": "us-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    lines = []
    for row in rows:
        env = base if row["value"] is None else base | {"KUBERNETES_EXEC_INFO": row["value"]}
        run = subprocess.run([sys.argv[1], "token", "-i", "c"], env=env, capture_output=True, check=True, text=True)
        lines.append(json.dumps(row["name"]) + ": " + json.dumps(run.stdout))

print("{\n" + ",\n".join(lines) + "\n}")
