#!/usr/bin/env python3
"""Writes botocore.json: presigned GetCallerIdentity URLs signed by botocore itself.

Usage: make-botocore.py [OUTPUT]      (default: botocore.json beside this script)

The clock is pinned by replacing `get_current_datetime` in `botocore.auth`, the only place where the query signer
asks for the time. The stages are recorded by wrapping the signer's own methods, so what is written is what botocore
computed. Every row is then recomputed here from its inputs alone, with hashlib and hmac, before it is written.
"""

import base64
import datetime
import hashlib
import hmac
import json
import pathlib
import sys
from urllib.parse import quote

import botocore
import botocore.auth
import botocore.config
import botocore.session
from botocore.credentials import Credentials
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceId
from botocore.signers import RequestSigner

# Keys that AWS prints in its documentation; none of them was ever live.
LONG_TERM = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
TEMPORARY = ("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
OTHER = ("AKIAI44QH8DHBEXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")

REGION, HOST, CLUSTER, EXPIRES = "us-west-2", "sts.us-west-2.amazonaws.com", "production", 60


def unix(text):
    return int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp())


NOON = unix("2026-06-15T12:34:56Z")


def session_token(length):
    """`length` characters of standard base64 with `+` and `/` inside, the same on every run."""
    text, counter = "", 0
    while len(text) < length:
        text += base64.b64encode(hashlib.sha256(b"session token %d" % counter).digest()).decode().rstrip("=")
        counter += 1
    return text[:length]


def row(name, *, keys=LONG_TERM, token=None, host=HOST, region=REGION, cluster=CLUSTER, at=NOON):
    return {
        "name": name,
        "access_key_id": keys[0],
        "secret_access_key": keys[1],
        "session_token": token,
        "host": host,
        "region": region,
        "cluster_id": cluster,
        "unix_time": at,
        "expires": EXPIRES,
    }


# (name, host, region, FIPS, dual-stack); a None in the last two: botocore's resolver has another host in mind.
HOSTS = [
    ("aws af-south-1", "sts.af-south-1.amazonaws.com", "af-south-1", False, False),
    ("aws us-east-1", "sts.us-east-1.amazonaws.com", "us-east-1", False, False),
    ("aws eu-central-1", "sts.eu-central-1.amazonaws.com", "eu-central-1", False, False),
    ("aws ap-southeast-5", "sts.ap-southeast-5.amazonaws.com", "ap-southeast-5", False, False),
    ("aws-cn cn-north-1", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1", False, False),
    ("aws-cn cn-northwest-1", "sts.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1", False, False),
    ("aws-us-gov us-gov-east-1", "sts.us-gov-east-1.amazonaws.com", "us-gov-east-1", False, False),
    ("aws-us-gov us-gov-west-1", "sts.us-gov-west-1.amazonaws.com", "us-gov-west-1", False, False),
    ("aws-iso us-iso-east-1", "sts.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", False, False),
    ("aws-iso us-iso-west-1", "sts.us-iso-west-1.c2s.ic.gov", "us-iso-west-1", False, False),
    ("aws-iso-b us-isob-east-1", "sts.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", False, False),
    ("aws-iso-b us-isob-west-1", "sts.us-isob-west-1.sc2s.sgov.gov", "us-isob-west-1", False, False),
    ("aws-iso-e eu-isoe-west-1", "sts.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", False, False),
    ("aws-iso-f us-isof-east-1", "sts.us-isof-east-1.csp.hci.ic.gov", "us-isof-east-1", False, False),
    ("aws-iso-f us-isof-south-1", "sts.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", False, False),
    ("aws-eusc eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", False, False),
    ("aws global host", "sts.amazonaws.com", "us-east-1", None, None),
    ("aws FIPS", "sts-fips.us-west-2.amazonaws.com", "us-west-2", True, False),
    ("aws dual-stack", "sts.eu-west-1.api.aws", "eu-west-1", False, True),
    ("aws FIPS dual-stack", "sts-fips.us-east-2.api.aws", "us-east-2", True, True),
    ("aws-cn dual-stack", "sts.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1", False, True),
    ("aws-us-gov dual-stack", "sts.us-gov-west-1.api.aws", "us-gov-west-1", False, True),
    ("aws-us-gov FIPS dual-stack", "sts-fips.us-gov-west-1.api.aws", "us-gov-west-1", True, True),
    ("aws-us-gov FIPS is the regional host", "sts.us-gov-east-1.amazonaws.com", "us-gov-east-1", True, False),
    ("aws-eusc dual-stack", "sts.eusc-de-east-1.api.amazonwebservices.eu", "eusc-de-east-1", False, True),
    ("aws-iso FIPS", "sts-fips.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", True, False),
]

CLUSTERS = [
    ("dots", "prod.eu.example.com"),
    ("slashes", "teams/platform/prod"),
    ("colons, an ARN", "arn:aws:eks:us-west-2:111122223333:cluster/prod"),
    ("plus", "a+b"),
    ("a literal %20", "a%20b"),
    ("double quote", 'the "blue" one'),
    ("single quote", "o'brien"),
    ("tilde", "~home~"),
    ("one interior space", "blue green"),
    ("query syntax", "a=b&c=d?e#f"),
    ("other punctuation", "!$()*,;<>@[\\]^`{|}"),
    ("header-like", "host:evil.example"),
    ("upper case", "PRODUCTION"),
    ("underscore and hyphen", "_under-score_"),
    ("1 character", "c"),
    ("100 characters", "c" + "0123456789-" * 9),
    ("a UUID", "6f1ed002-ab54-4d2b-8f1c-d4b7e1a3c2f0"),
]

DATES = [
    ("the epoch", "1970-01-01T00:00:00Z"),
    ("leap day of a century year", "2000-02-29T12:00:00Z"),
    ("first second of a leap day", "2024-02-29T00:00:00Z"),
    ("last second of a leap day", "2024-02-29T23:59:59Z"),
    ("day after a leap day", "2024-03-01T00:00:00Z"),
    ("last second of February in a common year", "2026-02-28T23:59:59Z"),
    ("last second of a year", "2025-12-31T23:59:59Z"),
    ("first second of a year", "2026-01-01T00:00:00Z"),
    ("last second before midnight", "2026-06-15T23:59:59Z"),
    ("midnight", "2026-06-16T00:00:00Z"),
    ("one-digit fields", "2026-03-04T05:06:07Z"),
    ("past 2^31 seconds", "2038-01-19T03:14:08Z"),
    ("2100 is no leap year", "2100-03-01T00:00:00Z"),
]

SHORT = "IQoJb3JpZ2luX2VjEXAMPLE+token/with=signs=="
SESSION_TOKENS = [
    ("short", SHORT),
    ("only reserved base64 characters", "+/=+/=="),
    ("unreserved characters stay bare", "-._~AZaz09"),
    ("1 KiB", session_token(1023) + "="),
    ("12 KiB", session_token(12 * 1024 - 2) + "=="),
    # botocore tests for None, not for emptiness: the parameter is written, and signed, with an empty value.
    ("empty", ""),
]


def inputs():
    rows = [row("plain"), row("other documented keys", keys=OTHER)]
    rows += [row("session token: " + n, keys=TEMPORARY, token=t) for n, t in SESSION_TOKENS]
    rows += [row("host: " + n, host=h, region=r) for n, h, r, _, _ in HOSTS]
    rows += [row("cluster: " + n, cluster=c) for n, c in CLUSTERS]
    rows += [row("date: " + n, at=unix(d)) for n, d in DATES]
    rows += [
        row("everything at once", keys=TEMPORARY, token=session_token(211) + "=", host="sts-fips.us-gov-east-1.api.aws",
            region="us-gov-east-1", cluster="a/b:c+d%20e'f\"g~h i", at=unix("2024-02-29T23:59:59Z")),
        row("session token on the global host", keys=TEMPORARY, token=SHORT, host="sts.amazonaws.com", region="us-east-1"),
    ]
    return rows


def blank_inputs():
    """Header values that SigV4 trims: other header values sign the same. Better refused than signed."""
    return [
        row("blanks: two inside", cluster="blue  green"),
        row("blanks: leading", cluster=" blue"),
        row("blanks: trailing", cluster="blue "),
        row("blanks: a tab inside", cluster="blue\tgreen"),
    ]


class Recorder(botocore.auth.SigV4QueryAuth):
    """botocore's query signer, unchanged; keeps what each stage returned."""

    stages = {}

    def canonical_request(self, request):
        self.stages["canonical_request"] = super().canonical_request(request)
        return self.stages["canonical_request"]

    def string_to_sign(self, request, canonical_request):
        self.stages["string_to_sign"] = super().string_to_sign(request, canonical_request)
        return self.stages["string_to_sign"]

    def signature(self, string_to_sign, request):
        self.stages["signature"] = super().signature(string_to_sign, request)
        return self.stages["signature"]


def sign(inp):
    now = datetime.datetime.fromtimestamp(inp["unix_time"], datetime.timezone.utc).replace(tzinfo=None)
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: now
    botocore.auth.AUTH_TYPE_MAPS["v4-query"] = Recorder
    credentials = Credentials(inp["access_key_id"], inp["secret_access_key"], inp["session_token"])
    emitter = HierarchicalEmitter()  # the signer keeps only a weak reference
    signer = RequestSigner(ServiceId("sts"), inp["region"], "sts", "v4", credentials, emitter)
    Recorder.stages = {}
    url = signer.generate_presigned_url(
        {
            "method": "GET",
            "url": f"https://{inp['host']}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": inp["cluster_id"]},
            "context": {},
        },
        "GetCallerIdentity",
        expires_in=inp["expires"],
        region_name=inp["region"],
    )
    token = "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
    return {**inp, **Recorder.stages, "url": url, "token": token}


def check(out):
    """Recomputes the signature from the inputs alone, and checks the text forms."""
    when = datetime.datetime.fromtimestamp(out["unix_time"], datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{when[:8]}/{out['region']}/sts/aws4_request"
    query = {
        "Action": "GetCallerIdentity",
        "Version": "2011-06-15",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{out['access_key_id']}/{scope}",
        "X-Amz-Date": when,
        "X-Amz-Expires": str(out["expires"]),
        "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
    }
    if out["session_token"] is not None:
        query["X-Amz-Security-Token"] = out["session_token"]
    pairs = sorted(f"{k}={quote(v, safe='-._~')}" for k, v in query.items())
    value = " ".join(out["cluster_id"].split())
    canonical = "\n".join(["GET", "/", "&".join(pairs), f"host:{out['host']}", f"x-k8s-aws-id:{value}", "",
                           "host;x-k8s-aws-id", hashlib.sha256(b"").hexdigest()])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + out["secret_access_key"]).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    assert (canonical, to_sign, signature) == (out["canonical_request"], out["string_to_sign"], out["signature"]), out["name"]
    base, _, text = out["url"].partition("?")
    assert base == f"https://{out['host']}/", out["name"]
    assert sorted(text.split("&")) == sorted(pairs + [f"X-Amz-Signature={signature}"]), out["name"]
    prefix, body = out["token"][:11], out["token"][11:]
    assert prefix == "k8s-aws-v1." and "=" not in body, out["name"]
    assert base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode() == out["url"], out["name"]


def check_hosts():
    """The hosts of this file are the ones that botocore's own endpoint rules give."""
    session = botocore.session.Session()
    session.set_credentials(*LONG_TERM)
    session.set_config_variable("sts_regional_endpoints", "regional")
    for name, host, region, fips, dual in HOSTS:
        if fips is None:
            continue
        config = botocore.config.Config(use_fips_endpoint=fips, use_dualstack_endpoint=dual)
        url = session.create_client("sts", region_name=region, config=config).generate_presigned_url("get_caller_identity")
        assert url.startswith(f"https://{host}/?"), (name, url.split("?")[0])


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("botocore.json")
    check_hosts()
    rows, blanks = [sign(i) for i in inputs()], [sign(i) for i in blank_inputs()]
    for out in rows + blanks:
        check(out)
    names = [out["name"] for out in rows + blanks]
    assert len(set(names)) == len(names)
    document = {
        "oracle": f"botocore {botocore.__version__}, RequestSigner.generate_presigned_url with SigV4QueryAuth",
        "script": "make-botocore.py",
        "rows": rows,
        "blank_rows": blanks,
    }
    target.write_text(json.dumps(document, indent=1) + "\n")
    print(f"{target.name}: {len(rows)} rows, {len(blanks)} blank rows, all recomputed")


main()
