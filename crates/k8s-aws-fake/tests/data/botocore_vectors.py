#!/usr/bin/env python3
"""Writes botocore_vectors.json: requests that botocore signed, as they go over the wire.

    python3 -m venv v; v/bin/pip install botocore==1.44.5; v/bin/python botocore_vectors.py > botocore_vectors.json
"""
import datetime
import json
import sys
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

DATE = datetime.datetime(2026, 3, 1, 23, 59, 59)
botocore.auth.get_current_datetime = lambda remove_tzinfo=True: DATE

PERMANENT = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
TEMPORARY = ("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2lu//+ab/cd+ef==")
ACTION = "Action=GetCallerIdentity&Version=2011-06-15"
HOSTS = [
    ("sts.amazonaws.com", "us-east-1"),
    ("sts.eu-west-1.amazonaws.com", "eu-west-1"),
    ("sts-fips.us-east-2.amazonaws.com", "us-east-2"),
    ("sts.us-west-2.api.aws", "us-west-2"),
]
CLUSTERS = ["prod", "a b", "prod/eu:1,2'\"~%20+", "x" * 256]


def vector(name, credentials, region, request):
    prepared = request.prepare()
    url = urlsplit(prepared.url)
    headers = [["host", url.netloc]]
    headers += [[k, v if isinstance(v, str) else v.decode()] for k, v in prepared.headers.items()]
    body = prepared.body or b""
    return {
        "name": name,
        "access_key_id": credentials[0],
        "secret_access_key": credentials[1],
        "session_token": credentials[2],
        "service": "sts",
        "region": region,
        "date": "20260301T235959Z",
        "refused": False,
        "method": prepared.method,
        "path": url.path,
        "query": url.query,
        "headers": headers,
        "body": body if isinstance(body, str) else body.decode(),
    }


vectors = []
for host, region in HOSTS:
    for kind, credentials in (("permanent", PERMANENT), ("temporary", TEMPORARY)):
        for cluster in CLUSTERS:
            request = AWSRequest("GET", f"https://{host}/?{ACTION}", headers={"x-k8s-aws-id": cluster})
            signer = botocore.auth.SigV4QueryAuth(Credentials(*credentials), "sts", region, expires=60)
            signer.add_auth(request)
            vectors.append(vector(f"presigned {kind} {host} {cluster[:20]}", credentials, region, request))
        request = AWSRequest("POST", f"https://{host}/", data=ACTION.encode())
        request.headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        botocore.auth.SigV4Auth(Credentials(*credentials), "sts", region).add_auth(request)
        vectors.append(vector(f"header {kind} {host}", credentials, region, request))
# aws eks get-token once signed this for long-term keys.
host, region = HOSTS[1]
request = AWSRequest("GET", f"https://{host}/?{ACTION}", headers={"x-k8s-aws-id": "prod"})
botocore.auth.SigV4QueryAuth(Credentials(*PERMANENT[:2], token=""), "sts", region, expires=60).add_auth(request)
vectors.append(vector("presigned with an empty session token", PERMANENT, region, request))
json.dump(vectors, sys.stdout, indent=1)
print()
