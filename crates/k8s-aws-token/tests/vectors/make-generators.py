#!/usr/bin/env python3
"""Writes generators.json and generators-refused.json: tokens as real programs print them.

Usage: make-generators.py SCRATCH      (README.md says what SCRATCH has to hold)

Each generator runs as a program of its own; nothing of this file signs anything. Then every token is decoded, judged
by a plain reading of the gate's rules (`refusal` below), shown to the Go verifier, and, if it is accepted, its
signature is recomputed with hmac.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import re
import subprocess
import sys
from urllib.parse import quote, unquote

HERE = pathlib.Path(__file__).parent
SCRATCH = pathlib.Path(sys.argv[1]).resolve()
PREFIX = "k8s-aws-v1."
EXPECTED = {"Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
            "X-Amz-Signature"}
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SHORT = "IQoJb3JpZ2luX2VjEXAMPLE+token/with=signs=="


def session_token(length):
    """`length` characters of standard base64, the same on every run, padded with `=`."""
    text, counter = "", 0
    while len(text) < length:
        text += base64.b64encode(hashlib.sha256(b"session token %d" % counter).digest()).decode().rstrip("=")
        counter += 1
    return text[: length - 1] + "="


def variant(name, host="sts.us-west-2.amazonaws.com", region="us-west-2", *, partition="aws", token=None, cluster="production",
            at="2026-06-15T12:34:56Z", fips=False, dual_stack=False, global_host=False):
    when = datetime.datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    return {"name": name, "unix_time": int(when.timestamp()), "secret_access_key": SECRET, "session_token": token,
            "access_key_id": "AKIAIOSFODNN7EXAMPLE" if token is None else "ASIAIOSFODNN7EXAMPLE", "host": host, "region": region,
            "cluster_id": cluster, "partition": partition, "fips": fips, "dual_stack": dual_stack, "global_host": global_host}


VARIANTS = {v["name"]: v for v in [
    variant("plain"),
    variant("session token", token=SHORT),
    variant("session token of 1 KiB", token=session_token(1024)),
    variant("session token of 12 KiB", token=session_token(12 * 1024)),
    variant("empty session token", token=""),
    variant("odd cluster id", cluster="teams/a+b: \"c's\" 100%~"),
    variant("leap day", at="2024-02-29T23:59:59Z"),
    variant("aws global", "sts.amazonaws.com", "us-east-1", global_host=True),
    variant("aws eu-central-1", "sts.eu-central-1.amazonaws.com", "eu-central-1"),
    variant("aws FIPS", "sts-fips.us-west-2.amazonaws.com", "us-west-2", fips=True),
    variant("aws dual-stack", "sts.eu-west-1.api.aws", "eu-west-1", dual_stack=True),
    variant("aws FIPS dual-stack", "sts-fips.us-east-2.api.aws", "us-east-2", fips=True, dual_stack=True),
    variant("aws-cn", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1", partition="aws-cn"),
    variant("aws-cn dual-stack", "sts.cn-northwest-1.api.amazonwebservices.com.cn", "cn-northwest-1", partition="aws-cn", dual_stack=True),
    variant("aws-us-gov", "sts.us-gov-west-1.amazonaws.com", "us-gov-west-1", partition="aws-us-gov"),
    variant("aws-us-gov FIPS dual-stack", "sts-fips.us-gov-east-1.api.aws", "us-gov-east-1", partition="aws-us-gov", fips=True, dual_stack=True),
    variant("aws-iso", "sts.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", partition="aws-iso"),
    variant("aws-iso-b", "sts.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", partition="aws-iso-b"),
    variant("aws-iso-e", "sts.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", partition="aws-iso-e"),
    variant("aws-iso-f", "sts.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", partition="aws-iso-f"),
    variant("aws-eusc", "sts.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", partition="aws-eusc"),
]}
PARTITIONS = ["aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"]


def inputs(recipes):
    """The variants by recipe, turned into one list of inputs, each with its recipes."""
    names = list(dict.fromkeys(n for variants in recipes.values() for n in variants))
    return [{**VARIANTS[n], "recipes": [r for r, variants in recipes.items() if n in variants]} for n in names]


def run(command, *, stdin=None, cwd=None, **environment):
    """A program with nothing of this machine's AWS configuration."""
    home = SCRATCH / "home"
    home.mkdir(exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true",
           "PYTHONDONTWRITEBYTECODE": "1", **environment}
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, text=True, env=env, cwd=cwd)
    assert done.returncode == 0, f"{command[0]}: {done.stderr}"
    return done.stdout.strip() or done.stderr.strip()


def environment(inp):
    """Credentials and endpoint choices as every AWS SDK reads them."""
    env = {"AWS_ACCESS_KEY_ID": inp["access_key_id"], "AWS_SECRET_ACCESS_KEY": inp["secret_access_key"], "AWS_REGION": inp["region"],
           "AWS_DEFAULT_REGION": inp["region"]}
    if inp["session_token"] is not None:
        env["AWS_SESSION_TOKEN"] = inp["session_token"]
    if inp["fips"]:
        env["AWS_USE_FIPS_ENDPOINT"] = "true"
    if inp["dual_stack"]:
        env["AWS_USE_DUALSTACK_ENDPOINT"] = "true"
    return env


def awscli():
    """(generator, version, input, token): `aws eks get-token`, with make-generators/clock in its PYTHONPATH."""
    aws = SCRATCH / "awscli/bin/aws"
    about = run([aws, "--version"]).split()
    version = about[0].replace("/", " ") + ", " + about[-1].replace("/", " ")
    for inp in VARIANTS.values():
        env = {**environment(inp), "PYTHONPATH": str(HERE / "make-generators/clock"), "VECTORS_UNIX_TIME": str(inp["unix_time"]),
               "AWS_STS_REGIONAL_ENDPOINTS": "legacy" if inp["global_host"] else "regional"}
        out = json.loads(run([aws, "eks", "get-token", "--cluster-name", inp["cluster_id"], "--output", "json"], **env))
        after = datetime.datetime.strptime(out["status"]["expirationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
        assert after.timestamp() == inp["unix_time"] + 14 * 60, "the clock was not stopped"
        yield "aws eks get-token", version, inp, out["status"]["token"]


def go_binary():
    """The Go program itself. Nothing stops a Go program's clock from outside, so its rows have the time of the day they were made."""
    names = ["plain", "session token", "session token of 1 KiB", "empty session token", "odd cluster id", "aws global", "aws FIPS",
             "aws dual-stack", "aws-cn", "aws-iso-f", "aws-eusc"]
    built_from = run(["go", "version", "-m", SCRATCH / "go/aws-iam-authenticator"])
    assert re.search(rf"sigs.k8s.io/aws-iam-authenticator\s+{re.escape(go_version)}\s", built_from), built_from
    for inp in (VARIANTS[n] for n in names):
        env = environment(inp)
        if inp["global_host"]:
            env["AWS_ENDPOINT_URL_STS"] = f"https://{inp['host']}"
        out = run([SCRATCH / "go/aws-iam-authenticator", "token", "-i", inp["cluster_id"], "--token-only"], **env)
        when = re.search(r"X-Amz-Date=(\w+)", decode(out)).group(1)
        moment = datetime.datetime.strptime(when, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        yield "aws-iam-authenticator token", go_version, {**inp, "unix_time": int(moment.timestamp())}, out


def go_package():
    """The Go program's package with its clock stopped (see make-go of k8s-aws-presign)."""
    names = ["plain", "session token", "session token of 1 KiB", "session token of 12 KiB", "empty session token", "odd cluster id",
             "leap day", "aws global", "aws FIPS dual-stack", "aws-us-gov FIPS dual-stack", "aws-cn dual-stack", *PARTITIONS]
    rows = [VARIANTS[n] for n in names]
    out = json.loads(run([SCRATCH / "go/make-go", "sign"], stdin=json.dumps(rows)))
    assert out["version"] == go_version
    for inp, result in zip(rows, out["rows"], strict=True):
        yield "aws-iam-authenticator pkg/token", out["version"], inp, result["token"]


def botocore():
    few = ["plain", "session token"]
    rows = inputs({
        "client": [*few, "session token of 1 KiB", "session token of 12 KiB", "empty session token", "odd cluster id", "aws global",
                   "aws FIPS", "aws-cn dual-stack", *PARTITIONS],
        "signer": [*few, "empty session token", "aws-us-gov"],
        "signer, 900 seconds": ["plain"],
        "signer, 1000 seconds": ["plain"],
        "signer, padding kept": ["plain"],
    })
    script = HERE / "make-generators/botocore-generator.py"
    out = json.loads(run([SCRATCH / "botocore/bin/python", script], stdin=json.dumps(rows)))
    for result in out["rows"]:
        yield f"botocore: {result['recipe']}", out["version"], rows[result["index"]], result["token"]


def javascript():
    few = ["plain", "session token"]
    rows = inputs({
        "signature-v4, encodeURIComponent": [*few, "session token of 1 KiB", "empty session token", "odd cluster id", "aws global", "aws-iso-f"],
        "signature-v4, formatUrl": [*few, "session token of 12 KiB", "aws dual-stack", *PARTITIONS],
        "signature-v4, URLSearchParams": [*few, "aws-cn"],
        "signature-v4, URLSearchParams, no path": few,
        "signature-v4, no host header": few,
        "s3-request-presigner, presign(request)": few,
        "getSignedUrl(GetCallerIdentityCommand)": ["plain"],
        "getSignedUrl(GetCallerIdentityCommand) turned into a GET": few,
        "aws-sdk (version 2), presign": [*few, "odd cluster id", "aws-us-gov"],
        "aws4, signQuery": [*few, "odd cluster id", "empty session token", "aws FIPS"],
        "aws4fetch, signQuery": [*few, "odd cluster id", "aws-iso-b"],
        "aws-eks-token": [*few, "odd cluster id", "aws eu-central-1"],
    })
    program = SCRATCH / "js/js-generator.mjs"
    program.write_text((HERE / "make-generators/js/js-generator.mjs").read_text())
    for result in json.loads(run(["node", "--no-warnings", program], stdin=json.dumps(rows), cwd=program.parent))["rows"]:
        yield f"JavaScript: {result['recipe']}", result["version"], rows[result["index"]], result["token"]


def java():
    names = ["plain", "session token", "session token of 1 KiB", "session token of 12 KiB", "empty session token", "odd cluster id",
             "aws global", *PARTITIONS]
    rows = [VARIANTS[n] for n in names]
    classpath = f"{SCRATCH / 'java/target/classes'}:{(SCRATCH / 'java/cp.txt').read_text().strip()}"
    version, *lines = run(["java", "-cp", classpath, "JavaGenerator"], stdin=json.dumps(rows)).splitlines()
    for line in lines:
        recipe, index, token = line.split("\t")
        if recipe == "Aws4Signer" or names[int(index)] in ["plain", "session token", "empty session token", "aws-eusc"]:
            yield f"Java: {recipe}", f"software.amazon.awssdk:auth {version}", rows[int(index)], token


def decode(token):
    body = token.removeprefix(PREFIX).rstrip("=")
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


def refusal(row):
    """Why a strict reading of the rules refuses this token; None if it does not. For the mistakes met here, not for every input."""
    body = row["token"].removeprefix(PREFIX)
    if "=" in body:
        return "base64url padding"
    base, _, query = row["url"].partition("?")
    if base != f"https://{row['host']}/":
        return "the URL is not the host, one slash and a query"
    pairs = [p.partition("=")[::2] for p in query.split("&")]
    names = [n for n, _ in pairs]
    if len(set(n.lower() for n in names)) != len(names):
        return "a parameter twice"
    extra, missing = sorted(set(names) - EXPECTED - {"X-Amz-Security-Token"}), sorted(EXPECTED - set(names))
    if extra:
        return "unknown parameter " + ", ".join(extra)
    if missing:
        return "missing parameter " + ", ".join(missing)
    values = dict(pairs)
    for name, value in pairs:
        if quote(unquote(value), safe="-._~").lower() != value.lower():
            return f"{name} is not escaped as SigV4 escapes it"
    if unquote(values["X-Amz-SignedHeaders"]) != "host;x-k8s-aws-id":
        return f"signed headers {unquote(values['X-Amz-SignedHeaders'])}"
    scope = unquote(values["X-Amz-Credential"]).split("/")
    if scope != [row["access_key_id"], values["X-Amz-Date"][:8], row["region"], "sts", "aws4_request"]:
        return "credential scope " + "/".join(scope[1:])
    if not re.fullmatch(r"0|[1-9][0-9]{0,2}", values["X-Amz-Expires"]) or int(values["X-Amz-Expires"]) > 900:
        return "X-Amz-Expires " + values["X-Amz-Expires"]
    return None


def check_signature(row):
    """Recomputes the signature from the inputs and the parameters that the generator wrote."""
    pairs = sorted(row["url"].partition("?")[2].split("&"))
    values = {n: unquote(v) for n, v in (p.split("=") for p in pairs)}
    pairs.remove("X-Amz-Signature=" + values["X-Amz-Signature"])
    when = datetime.datetime.fromtimestamp(row["unix_time"], datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    assert values["X-Amz-Date"] == when, row
    if row["session_token"]:
        assert values["X-Amz-Security-Token"] == row["session_token"], row
    else:
        assert values.get("X-Amz-Security-Token", "") == "", row
    scope = f"{when[:8]}/{row['region']}/sts/aws4_request"
    canonical = "\n".join(["GET", "/", "&".join(pairs), f"host:{row['host']}", f"x-k8s-aws-id:{row['cluster_id']}", "",
                           "host;x-k8s-aws-id", hashlib.sha256(b"").hexdigest()])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + row["secret_access_key"]).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert values["X-Amz-Signature"] == hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest(), row


go_version = json.loads(run([SCRATCH / "go/make-go", "sign"], stdin="[]"))["version"]


def main():
    accepted, refused = [], []
    for generator in (awscli, botocore, go_binary, go_package, javascript, java):
        for name, version, inp, token in generator():
            url = decode(token)
            assert PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=") == token.rstrip("="), name
            row = {"generator": name, "version": version, "name": inp["name"], "url": url, "token": token}
            row |= {k: inp[k] for k in ("unix_time", "access_key_id", "secret_access_key", "session_token", "host", "region",
                                        "partition", "cluster_id")}
            reason = refusal(row)
            if reason is None:
                check_signature(row)
                accepted.append(row)
            else:
                refused.append({**row, "refused": reason})
    questions = [{"token": r["token"], "partition": r["partition"]} for r in accepted + refused]
    verdicts = json.loads(run([SCRATCH / "go/make-go", "verify"], stdin=json.dumps(questions)))
    for row, verdict in zip(accepted + refused, verdicts, strict=True):
        row["go_verifier"] = verdict
    about = "tokens as real programs print them; go_verifier: what the Go program " + go_version + \
        " says before it calls STS, with the date moved into its future"
    for name, rows in (("generators.json", accepted), ("generators-refused.json", refused)):
        document = {"about": about, "script": "make-generators.py", "rows": rows}
        (HERE / name).write_text(json.dumps(document, indent=1) + "\n")
        print(f"{name}: {len(rows)} rows of {len({r['generator'] for r in rows})} generators")


main()
