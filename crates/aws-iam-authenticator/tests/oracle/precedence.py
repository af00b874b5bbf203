#!/usr/bin/env python3
"""Writes precedence.json: which source botocore takes credentials from, in machines of many kinds.

Needs botocore from PyPI. A stub of STS, IAM Identity Center, container endpoint and instance metadata runs on loopback; what
botocore asks it, and with whose key, is the expectation. No test needs this script.

    python3 precedence.py > precedence.json
"""
import hashlib
import http.server
import json
import os
import re
import shutil
import tempfile
import threading
import urllib.parse

# botocore asks where the home folder is when it is imported.
HOME = tempfile.mkdtemp()
os.environ["HOME"] = HOME

import botocore  # noqa: E402
import botocore.session  # noqa: E402

ACCOUNT = "111122223333"
KEYS = {name: (f"AKIA{name.upper():Q<16}", f"secret-of-{name}") for name in ("env", "base", "self", "creds")}
LATER = "2999-01-01T00:00:00Z"


def keys(name):
    key, secret = KEYS[name]
    return f"aws_access_key_id = {key}\naws_secret_access_key = {secret}\n"


def env_keys(name="env"):
    key, secret = KEYS[name]
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}


def role(name, more=""):
    return f"role_arn = arn:aws:iam::{ACCOUNT}:role/{name}\n{more}"


WEB = {"AWS_WEB_IDENTITY_TOKEN_FILE": "{dir}/token", "AWS_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/web"}
BOX = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{container}", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "pass"}
SSO = (
    "sso_start_url = https://corp.example/start\nsso_region = eu-west-1\n"
    f"sso_account_id = {ACCOUNT}\nsso_role_name = Dev\n"
)
SESSION = "[sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-1\n"
NEWER = f"sso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = Dev\n"
PROCESS = "credential_process = cat {dir}/process\n"
BASE = f"[profile base]\n{keys('base')}"
CHAIN = f"{BASE}[profile mid]\n{role('mid', 'source_profile = base')}\n"
ME = {"AWS_PROFILE": "me"}

# name, variables, ~/.aws/config, ~/.aws/credentials
CASES = [
    ("keys of the environment before everything", {**env_keys(), **WEB, **BOX}, f"[default]\n{keys('base')}", ""),
    ("keys of the environment before a named profile", {**env_keys(), "AWS_PROFILE": "base"}, BASE, ""),
    ("keys of the default profile", {}, f"[default]\n{keys('base')}", ""),
    ("the credentials file before the configuration", {}, f"[default]\n{keys('base')}", f"[default]\n{keys('creds')}"),
    ("a named profile before the default one", {"AWS_PROFILE": "base"}, f"[default]\n{keys('self')}{BASE}", ""),
    ("web identity before keys of the default profile", WEB, f"[default]\n{keys('base')}", ""),
    ("web identity before the container", {**WEB, **BOX}, "", ""),
    ("keys of a profile before the container", BOX, f"[default]\n{keys('base')}", ""),
    ("the container before the instance", BOX, "", ""),
    ("the instance last", {}, "", ""),
    ("a profile without credentials passes on", BOX, "[default]\nregion = eu-west-1\n", ""),
    ("a role over a source profile", ME, f"{BASE}[profile me]\n{role('me', 'source_profile = base')}\n", ""),
    ("a chain of roles", ME, f"{CHAIN}[profile me]\n{role('me', 'source_profile = mid')}\n", ""),
    ("a profile that is its own source", ME, f"[profile me]\n{keys('self')}{role('me', 'source_profile = me')}\n", ""),
    (
        "keys in a source profile end the chain",
        ME,
        f"{CHAIN}[profile a]\n{keys('self')}{role('a', 'source_profile = mid')}\n"
        f"[profile me]\n{role('me', 'source_profile = a')}\n",
        "",
    ),
    (
        "a role before keys in the same profile",
        ME,
        f"{BASE}[profile me]\n{keys('self')}{role('me', 'source_profile = base')}\n",
        "",
    ),
    ("a role over the container", {**ME, **BOX}, f"[profile me]\n{role('me', 'credential_source = EcsContainer')}\n", ""),
    ("a role over the instance", ME, f"[profile me]\n{role('me', 'credential_source = Ec2InstanceMetadata')}\n", ""),
    ("web identity in a profile", ME, f"[profile me]\n{role('me', 'web_identity_token_file = {dir}/token')}\n", ""),
    (
        "a role over web identity in a profile",
        ME,
        f"[profile web]\n{role('web', 'web_identity_token_file = {dir}/token')}\n"
        f"[profile me]\n{role('me', 'source_profile = web')}\n",
        "",
    ),
    ("SSO of the newer style", ME, f"{SESSION}[profile me]\n{NEWER}", ""),
    ("SSO of the older style", ME, f"[profile me]\n{SSO}", ""),
    ("a role over SSO", ME, f"[profile sso]\n{SSO}[profile me]\n{role('me', 'source_profile = sso')}\n", ""),
    ("a program", ME, f"[profile me]\n{PROCESS}", ""),
    ("a role over a program", ME, f"[profile p]\n{PROCESS}[profile me]\n{role('me', 'source_profile = p')}\n", ""),
    ("keys before a program", ME, f"[profile me]\n{PROCESS}", f"[me]\n{keys('creds')}"),
    ("web identity of the environment and a role of a named profile", {**WEB, **ME},
     f"{BASE}[profile me]\n{role('me', 'source_profile = base')}\n", ""),
    ("SSO and keys in one profile", ME, f"[profile me]\n{SSO}{keys('self')}", ""),
    ("SSO and a program in one profile", ME, f"[profile me]\n{SSO}{PROCESS}", ""),
    ("a program and keys in the configuration", ME, f"[profile me]\n{PROCESS}{keys('self')}", ""),
]

CALLS = []


def session_keys():
    return f"ASIASTUB{len(CALLS):0>12}"


class Stub(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, body, kind="application/json", status=200):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        self.end_headers()
        self.wfile.write(body.encode())

    def by(self):
        found = re.search(r"Credential=([^/]+)/", self.headers.get("authorization", ""))
        return found.group(1) if found else None

    def do_PUT(self):
        self.answer("token", "text/plain")

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path)
        document = {"AccessKeyId": None, "SecretAccessKey": "x", "Token": "t", "Expiration": LATER}
        if path.path == "/federation/credentials":
            CALLS.append("GetRoleCredentials")
            keys = {"accessKeyId": session_keys(), "secretAccessKey": "x", "sessionToken": "t", "expiration": 32472144000000}
            self.answer(json.dumps({"roleCredentials": keys}))
        elif path.path == "/container":
            CALLS.append("ContainerCredentials")
            self.answer(json.dumps({**document, "AccessKeyId": session_keys()}))
        elif path.path.endswith("/security-credentials/"):
            self.answer("worker", "text/plain")
        elif path.path.endswith("/security-credentials/worker"):
            CALLS.append("InstanceCredentials")
            self.answer(json.dumps({**document, "Code": "Success", "AccessKeyId": session_keys()}))
        else:
            self.answer("", status=404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in urllib.parse.parse_qs(body).items()}
        action, arn = form["Action"], form["RoleArn"]
        by = self.by()
        CALLS.append(f"{action} {arn.rsplit('/', 1)[1]}" + (f" by {by}" if by and by.startswith("AKIA") else ""))
        name = action + "Response"
        self.answer(
            f"<{name} xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><{action}Result><Credentials>"
            f"<AccessKeyId>{session_keys()}</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t</SessionToken>"
            f"<Expiration>{LATER}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>A:s</AssumedRoleId>"
            f"<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/x/s</Arn></AssumedRoleUser></{action}Result></{name}>",
            "text/xml",
        )


def run(case, base):
    name, variables, config, credentials = case

    def fill(text):
        return text.replace("{dir}", HOME).replace("{container}", f"{base}/container")

    def write(path, text):
        with open(f"{HOME}/{path}", "w", encoding="utf-8") as file:
            file.write(fill(text))

    os.makedirs(f"{HOME}/.aws/sso/cache", exist_ok=True)
    write("token", "web-identity-token")
    process = {"Version": 1, "AccessKeyId": "AKIAPROCESSQQQQQQQQQ", "SecretAccessKey": "secret-of-process"}
    write("process", json.dumps(process))
    write(".aws/config", config)
    write(".aws/credentials", credentials)
    start_url = "https://corp.example/start"
    login = {"accessToken": "access-token", "expiresAt": LATER, "region": "eu-west-1", "startUrl": start_url}
    for key in ("corp", start_url):
        write(f".aws/sso/cache/{hashlib.sha1(key.encode()).hexdigest()}.json", json.dumps(login))
    os.environ.clear()
    os.environ.update({
        "PATH": "/usr/bin:/bin", "HOME": HOME, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": base, "AWS_EC2_METADATA_SERVICE_ENDPOINT": base,
    })
    os.environ.update({key: fill(value) for key, value in variables.items()})
    CALLS.clear()
    key = botocore.session.Session().get_credentials().get_frozen_credentials().access_key
    return {
        "name": name, "variables": variables, "config": config, "credentials": credentials,
        "calls": list(CALLS), "key": key if key.startswith("AKIA") else None,
    }


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    rows = [run(case, base) for case in CASES]
    shutil.rmtree(HOME)
    print(json.dumps({"made_by": f"precedence.py, botocore {botocore.__version__}", "rows": rows}, indent=1))


main()
