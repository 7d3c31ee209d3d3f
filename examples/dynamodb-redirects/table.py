"""A DynamoDB on this machine (moto's) with the table of the example in it. Prints where it is, and runs until its input ends."""

import json
import pathlib
import sys

import boto3
from moto.server import ThreadedMotoServer

port = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
database = boto3.resource(
    "dynamodb",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="local",
    aws_secret_access_key="local",
)
table = database.create_table(
    TableName="redirects",
    KeySchema=[{"AttributeName": "path", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "path", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
for item in json.loads(pathlib.Path(__file__).with_name("redirects.json").read_text(encoding="utf-8")):
    table.put_item(Item=item)
print(f"AWS_ENDPOINT_URL={endpoint}", flush=True)
sys.stdin.read()
server.stop()
