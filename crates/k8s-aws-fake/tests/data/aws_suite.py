#!/usr/bin/env python3
"""Writes aws_suite.json from the Signature Version 4 test suite that AWS publishes with its SDKs.

    aws_suite.py <folder "aws-signing-test-suite/v4"> > aws_suite.json

The folder is in the package of aws-sigv4 1.6.4. Left out, with the reason:
  *-unnormalized        only S3 leaves paths as they are
  get-space-normalized, get-utf8, get-vanilla-utf8-query
                        their requests cannot go over the wire as they are written
  cases without a context.json
                        they do not say what they were signed with
In post-sts-header-after the session token was added after signing, which STS does not allow: it is kept as "refused".
"""
import json
import pathlib
import sys

SKIP = {"get-space-normalized", "get-utf8", "get-vanilla-utf8-query"}


def read(text):
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    method, target = first.removesuffix(" HTTP/1.1").split(" ", 1)
    path, _, query = target.partition("?")
    headers = []
    for line in lines:
        if line[:1] in " \t":  # A folded line: HTTP/1.1 has it unfolded to a space before anybody sees it.
            headers[-1][1] += " " + line.strip()
        elif line:
            headers.append(line.split(":", 1))
    return {"method": method, "path": path, "query": query, "headers": headers, "body": body}


vectors = []
for case in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    if case.name in SKIP or not (case / "context.json").exists():
        continue
    context = json.loads((case / "context.json").read_text())
    if not context["normalize"]:
        continue
    for kind in ("header", "query"):
        request = read((case / f"{kind}-signed-request.txt").read_text())
        credentials = context["credentials"]
        vectors.append({
            "name": f"{case.name} ({kind})",
            "access_key_id": credentials["access_key_id"],
            "secret_access_key": credentials["secret_access_key"],
            "session_token": credentials.get("token"),
            "service": context["service"],
            "region": context["region"],
            "date": "20150830T123600Z",
            "refused": context.get("omit_session_token", False),
        } | request)
json.dump(vectors, sys.stdout, indent=1, ensure_ascii=True)
print()
