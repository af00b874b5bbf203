#!/usr/bin/env python3
"""Writes moto.json: answers of moto's EC2, and what botocore's own parser reads in them.

Usage: make-moto.py [OUTPUT]      (default: moto.json beside this script)

moto answers in the process; nothing is sent. Bodies are taken before botocore parses them.
"""

import json
import pathlib
import sys

import boto3
import botocore
import moto
from moto.moto_api._internal import mock_random

ANSWERS = []


def record(response_dict, **_):
    body = response_dict["body"]
    ANSWERS.append({
        "status": response_dict["status_code"],
        "content_type": response_dict["headers"].get("content-type"),
        "body": body.decode() if isinstance(body, bytes) else body,
    })


def ask(client, name, ids, **more):
    try:
        parsed = client.describe_instances(Filters=[{"Name": "instance-id", "Values": ids}], **more)
        want = {
            instance["InstanceId"]: {"name": instance.get("PrivateDnsName", ""), "owner": reservation["OwnerId"]}
            for reservation in parsed["Reservations"]
            for instance in reservation["Instances"]
        }
        return {"name": name, "ids": ids, "want": want, "next": parsed.get("NextToken"), **ANSWERS.pop()}
    except botocore.exceptions.ClientError as error:
        return {"name": name, "ids": ids, "code": error.response["Error"]["Code"], **ANSWERS.pop()}


def rows():
    mock_random.seed(42)
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region_name="eu-west-1")
    client = session.client("ec2")
    client.meta.events.register("before-parse.ec2.DescribeInstances", record)
    image = client.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    tags = [{"Key": "Name", "Value": 'a & b <c> "d" \'e\''}, {"Key": "privateDnsName", "Value": "not-this-one"}]
    ids = []
    for count in (1, 3):
        made = client.run_instances(ImageId=image, MinCount=count, MaxCount=count, InstanceType="m5.large",
                                    TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])
        ids += [instance["InstanceId"] for instance in made["Instances"]]
    client.stop_instances(InstanceIds=[ids[2]])
    client.terminate_instances(InstanceIds=[ids[3]])
    unknown = "i-0000000000000dead"
    yield ask(client, "one instance", ids[:1])
    yield ask(client, "two reservations, one instance stopped and one terminated", ids)
    yield ask(client, "one of several of a reservation", [ids[1]])
    yield ask(client, "an unknown one beside a known one", [ids[0], unknown])
    yield ask(client, "nothing known", [unknown])
    first = ask(client, "the first page", ids, MaxResults=1)
    yield first
    yield ask(client, "the second page", ids, MaxResults=1, NextToken=first["next"])
    try:
        client.describe_instances(InstanceIds=[unknown])
    except botocore.exceptions.ClientError as error:
        yield {"name": "an error", "ids": [unknown], "code": error.response["Error"]["Code"], **ANSWERS.pop()}


target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("moto.json")
document = {"oracle": f"moto {moto.__version__}, read by botocore {botocore.__version__}", "script": "make-moto.py",
            "rows": []}
with moto.mock_aws():
    document["rows"] = list(rows())
target.write_text(json.dumps(document, indent=1) + "\n")
print(f"{target.name}: {len(document['rows'])} rows")
