"""Signs a JSON list of inputs (stdin) with botocore; prints {"version", "rows": [{recipe, index, token}]}.

Three recipes: `client` lets an STS client presign its own operation and puts the header in by event handlers;
`signer` presigns a hand-written request with RequestSigner, as scripts do that cannot use the AWS CLI; `padded` and
`1000 seconds` are `signer` with mistakes that are in use: base64 padding left on, and an expiry that is too long.
"""

import base64
import datetime
import json
import sys

import botocore
import botocore.auth
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceId
from botocore.signers import RequestSigner


def stop_clock(unix_time):
    now = datetime.datetime.fromtimestamp(unix_time, datetime.timezone.utc).replace(tzinfo=None)
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: now


def client(inp):
    session = botocore.session.Session()
    session.set_config_variable("sts_regional_endpoints", "legacy" if inp["global_host"] else "regional")
    config = Config(use_fips_endpoint=inp["fips"], use_dualstack_endpoint=inp["dual_stack"])
    sts = session.create_client(
        "sts", region_name=inp["region"], config=config, aws_access_key_id=inp["access_key_id"],
        aws_secret_access_key=inp["secret_access_key"], aws_session_token=inp["session_token"])

    def add_header(request, **_):
        request.headers["x-k8s-aws-id"] = inp["cluster_id"]

    sts.meta.events.register("before-sign.sts.GetCallerIdentity", add_header)
    return sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")


def signer(inp, expires=60):
    emitter = HierarchicalEmitter()
    credentials = Credentials(inp["access_key_id"], inp["secret_access_key"], inp["session_token"])
    return RequestSigner(ServiceId("sts"), inp["region"], "sts", "v4", credentials, emitter).generate_presigned_url(
        {
            "method": "GET",
            "url": f"https://{inp['host']}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": inp["cluster_id"]},
            "context": {},
        },
        operation_name="",
        region_name=inp["region"],
        expires_in=expires,
    )


def token(url, keep_padding=False):
    text = base64.urlsafe_b64encode(url.encode()).decode()
    return "k8s-aws-v1." + (text if keep_padding else text.rstrip("="))


RECIPES = {
    "client": lambda inp: token(client(inp)),
    "signer": lambda inp: token(signer(inp)),
    "signer, 900 seconds": lambda inp: token(signer(inp, 900)),
    "signer, 1000 seconds": lambda inp: token(signer(inp, 1000)),
    "signer, padding kept": lambda inp: token(signer(inp), keep_padding=True),
}

rows = []
for index, inp in enumerate(json.load(sys.stdin)):
    stop_clock(inp["unix_time"])
    rows += [{"recipe": recipe, "index": index, "token": RECIPES[recipe](inp)} for recipe in inp["recipes"]]
json.dump({"version": f"botocore {botocore.__version__}", "rows": rows}, sys.stdout)
