#!/usr/bin/env python3
"""Writes botocore.json: DescribeInstances requests serialised and signed by botocore itself.

Usage: make-botocore.py [OUTPUT]      (default: botocore.json beside this script)

The clock is pinned by replacing `get_current_datetime` in `botocore.auth`. The stages are recorded by wrapping the signer's
own methods, so what is written is what botocore computed. Every signature is then recomputed here from what is written,
with hashlib and hmac. The hosts are checked against the
endpoint rules that come with botocore.
"""

import base64
import datetime
import hashlib
import hmac
import json
import pathlib
import sys

import botocore
import botocore.auth
import botocore.awsrequest
import botocore.serialize
import botocore.session
from botocore.credentials import Credentials
from botocore.endpoint_provider import EndpointProvider

# Keys that AWS prints in its documentation; none of them was ever live.
LONG_TERM = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
TEMPORARY = ("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SHORT = "IQoJb3JpZ2luX2VjEXAMPLE+token/with=signs=="
ID = "i-0123456789abcdef0"


def unix(text):
    return int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp())


NOON = unix("2026-06-15T12:34:56Z")


def base64ish(length):
    """`length` characters of standard base64 with `+` and `/` inside, the same on every run."""
    text, counter = "", 0
    while len(text) < length:
        text += base64.b64encode(hashlib.sha256(b"token %d" % counter).digest()).decode().rstrip("=")
        counter += 1
    return text[:length]


def row(name, *, keys=LONG_TERM, token=None, region="us-west-2", kind="regional", host="ec2.us-west-2.amazonaws.com",
        at=NOON, ids=(ID,), page=None):
    return {"name": name, "access_key_id": keys[0], "secret_access_key": keys[1], "session_token": token,
            "region": region, "kind": kind, "host": host, "unix_time": at, "ids": sorted(ids), "page_token": page}


# (region, kind, host)
HOSTS = [
    ("us-east-1", "regional", "ec2.us-east-1.amazonaws.com"),
    ("us-west-2", "fips", "ec2-fips.us-west-2.amazonaws.com"),
    ("eu-west-1", "dual-stack", "ec2.eu-west-1.api.aws"),
    ("us-east-2", "fips-dual-stack", "ec2-fips.us-east-2.api.aws"),
    ("ap-southeast-5", "regional", "ec2.ap-southeast-5.amazonaws.com"),
    ("cn-north-1", "regional", "ec2.cn-north-1.amazonaws.com.cn"),
    ("cn-northwest-1", "fips", "ec2-fips.cn-northwest-1.amazonaws.com.cn"),
    ("cn-north-1", "dual-stack", "ec2.cn-north-1.api.amazonwebservices.com.cn"),
    ("us-gov-east-1", "regional", "ec2.us-gov-east-1.amazonaws.com"),
    ("us-gov-west-1", "fips", "ec2.us-gov-west-1.amazonaws.com"),
    ("us-gov-west-1", "dual-stack", "ec2.us-gov-west-1.api.aws"),
    ("us-gov-east-1", "fips-dual-stack", "ec2-fips.us-gov-east-1.api.aws"),
    ("eusc-de-east-1", "regional", "ec2.eusc-de-east-1.amazonaws.eu"),
    ("eusc-de-east-1", "dual-stack", "ec2.eusc-de-east-1.api.amazonwebservices.eu"),
    ("us-iso-east-1", "regional", "ec2.us-iso-east-1.c2s.ic.gov"),
    ("us-iso-west-1", "fips", "ec2-fips.us-iso-west-1.c2s.ic.gov"),
    ("us-iso-east-1", "dual-stack", "ec2.us-iso-east-1.api.aws.ic.gov"),
    ("us-isob-east-1", "regional", "ec2.us-isob-east-1.sc2s.sgov.gov"),
    ("us-isob-west-1", "fips", "ec2-fips.us-isob-west-1.sc2s.sgov.gov"),
    ("eu-isoe-west-1", "regional", "ec2.eu-isoe-west-1.cloud.adc-e.uk"),
    ("eu-isoe-west-1", "dual-stack", "ec2.eu-isoe-west-1.api.cloud-aws.adc-e.uk"),
    ("us-isof-south-1", "regional", "ec2.us-isof-south-1.csp.hci.ic.gov"),
    ("us-isof-east-1", "fips", "ec2-fips.us-isof-east-1.csp.hci.ic.gov"),
]

DATES = ["1970-01-01T00:00:00Z", "2000-02-29T12:00:00Z", "2024-02-29T23:59:59Z", "2025-12-31T23:59:59Z",
         "2026-01-01T00:00:00Z", "2026-03-04T05:06:07Z", "2038-01-19T03:14:08Z", "2100-03-01T00:00:00Z"]

TOKENS = [("short", SHORT), ("only reserved base64 characters", "+/=+/=="), ("unreserved characters", "-._~AZaz09"),
          ("1 KiB", base64ish(1023) + "="), ("12 KiB", base64ish(12 * 1024 - 2) + "==")]

PAGES = [("base64", base64ish(342) + "=="), ("reserved characters", "a+b/c=d&e?f#g%20h:i@j"), ("unreserved", "-._~")]


def ids(count):
    return [f"i-{n * 7919:017x}" for n in range(count)]


def inputs():
    rows = [row("plain")]
    rows += [row("session token: " + n, keys=TEMPORARY, token=t) for n, t in TOKENS]
    rows += [row(f"host: {r} {k}", region=r, kind=k, host=h) for r, k, h in HOSTS]
    rows += [row("date: " + d, at=unix(d)) for d in DATES]
    rows += [row(f"{n} instances", ids=ids(n)) for n in (2, 9, 10, 11, 100, 200)]
    rows += [row("old and new ids", ids=["i-1234abcd", ID, "i-00000000"])]
    rows += [row("page token: " + n, page=p) for n, p in PAGES]
    rows += [row("everything at once", keys=TEMPORARY, token=base64ish(211) + "=", region="us-gov-east-1",
                 kind="fips-dual-stack", host="ec2-fips.us-gov-east-1.api.aws", at=unix("2024-02-29T23:59:59Z"),
                 ids=ids(17), page=base64ish(99) + "=")]
    return rows


class Recorder(botocore.auth.SigV4Auth):
    """botocore's header signer, unchanged; keeps what each stage returned."""

    def __init__(self, *args):
        super().__init__(*args)
        self.stages = {}

    def canonical_request(self, request):
        self.stages["canonical_request"] = super().canonical_request(request)
        return self.stages["canonical_request"]

    def string_to_sign(self, request, canonical_request):
        self.stages["string_to_sign"] = super().string_to_sign(request, canonical_request)
        return self.stages["string_to_sign"]

    def signature(self, string_to_sign, request):
        self.stages["signature"] = super().signature(string_to_sign, request)
        return self.stages["signature"]


SESSION = botocore.session.Session()
MODEL = SESSION.get_service_model("ec2")


def parameters(inp):
    params = {"Filters": [{"Name": "instance-id", "Values": inp["ids"]}], "MaxResults": 1000}
    if inp["page_token"] is not None:
        params["NextToken"] = inp["page_token"]
    return params


def sign(inp):
    now = datetime.datetime.fromtimestamp(inp["unix_time"], datetime.timezone.utc).replace(tzinfo=None)
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: now
    serializer = botocore.serialize.create_serializer("ec2")
    operation = MODEL.operation_model("DescribeInstances")
    parts = serializer.serialize_to_request(parameters(inp), operation)
    botocore.awsrequest.prepare_request_dict(parts, endpoint_url=f"https://{inp['host']}")
    request = botocore.awsrequest.create_request_object(parts)
    credentials = Credentials(inp["access_key_id"], inp["secret_access_key"], inp["session_token"])
    signer = Recorder(credentials, "ec2", inp["region"])
    signer.add_auth(request)
    prepared = request.prepare()
    body = prepared.body.decode() if isinstance(prepared.body, bytes) else prepared.body
    header = lambda name: (lambda v: v.decode() if isinstance(v, bytes) else v)(prepared.headers[name])
    assert prepared.method == "POST" and prepared.url == f"https://{inp['host']}/", prepared.url
    return {**inp, **signer.stages, "authorization": header("Authorization"), "content_type": header("Content-Type"),
            "amz_date": header("X-Amz-Date"), "body": body}


def check(out):
    """Recomputes the signature from what is written."""
    when = datetime.datetime.fromtimestamp(out["unix_time"], datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{when[:8]}/{out['region']}/ec2/aws4_request"
    headers = {"content-type": out["content_type"], "host": out["host"], "x-amz-date": when}
    if out["session_token"]:
        headers["x-amz-security-token"] = out["session_token"]
    signed = ";".join(sorted(headers))
    canonical = "\n".join(["POST", "/", "", *(f"{k}:{headers[k]}" for k in sorted(headers)), "", signed,
                           hashlib.sha256(out["body"].encode()).hexdigest()])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + out["secret_access_key"]).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    assert (canonical, to_sign, signature) == (out["canonical_request"], out["string_to_sign"], out["signature"]), out["name"]


def check_hosts():
    """The hosts of this file are the ones that AWS's endpoint rules for EC2 give, by botocore's own reading of them."""
    loader = SESSION.get_component("data_loader")
    rules = EndpointProvider(loader.load_service_model("ec2", "endpoint-rule-set-1"), loader.load_data("partitions"))
    for region, kind, host in HOSTS:
        fips, dual = kind.startswith("fips"), kind.endswith("dual-stack")
        url = rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual).url
        assert url == f"https://{host}", (region, kind, url)


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("botocore.json")
    check_hosts()
    rows = [sign(i) for i in inputs()]
    for out in rows:
        check(out)
    assert len({out["name"] for out in rows}) == len(rows)
    document = {"oracle": f"botocore {botocore.__version__}, its EC2 serializer and SigV4Auth",
                "script": "make-botocore.py", "rows": rows}
    target.write_text(json.dumps(document, indent=1) + "\n")
    print(f"{target.name}: {len(rows)} rows, all recomputed")


main()
