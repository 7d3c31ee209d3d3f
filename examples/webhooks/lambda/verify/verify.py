"""Viewer request: a POST needs the signature of its body."""

import base64
import hashlib
import hmac
import pathlib

KEY = pathlib.Path(__file__).with_name("example-key.txt").read_bytes().strip()


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    if request["method"] != "POST":
        return request
    body = request["body"]
    if body["inputTruncated"]:
        return refused("413", "A webhook has at most 40 KB.")
    expected = hmac.new(KEY, base64.b64decode(body["data"]), hashlib.sha256).hexdigest()
    given = request["headers"].get("x-signature", [{"value": ""}])[0]["value"]
    if not hmac.compare_digest(given, expected):
        print("refused a body of %s bytes from %s" % (len(body["data"]), request["clientIp"]))
        return refused("403", "The signature is not that of the body.")
    return request


def refused(status, why):
    return {"status": status, "headers": {"content-type": [{"value": "text/plain"}]}, "body": why + "\n"}
