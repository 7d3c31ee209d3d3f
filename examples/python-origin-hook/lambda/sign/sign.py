"""Origin request: signs what goes to the origin, and answers what the origin need not see. Answers are cached."""

import hashlib
import hmac
import re
import time
from pathlib import Path

# Lambda@Edge has no environment variables: the key is part of the package, read once for each environment.
KEY_ID = "2026-11"
KEY = Path(__file__).with_name("example-key.txt").read_bytes().strip()

PROBES = re.compile(r"\.(php|aspx?|env|git)(/|$)|^/wp-")


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    if request["uri"] == "/robots.txt":
        return answer(200, "OK", "User-agent: *\nDisallow: /drafts/\n")
    if PROBES.search(request["uri"]):
        print(f"refused {request['uri']} from {request['clientIp']}")
        return answer(404, "Not Found", "Not here.\n")
    sign(request)
    return request


def sign(request):
    """The origin recomputes this and refuses what did not come through the edge, or came too long ago."""
    moment = int(time.time())
    text = f"{moment}\n{request['method']}\n{request['uri']}\n{request['querystring']}"
    signature = hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()
    value = f"key={KEY_ID}, time={moment}, hmac-sha256={signature}"
    request["headers"]["x-origin-signature"] = [{"key": "X-Origin-Signature", "value": value}]


def answer(status, description, body):
    return {
        "status": str(status),
        "statusDescription": description,
        "headers": {
            "content-type": [{"key": "Content-Type", "value": "text/plain; charset=utf-8"}],
            "cache-control": [{"key": "Cache-Control", "value": "max-age=3600"}],
        },
        "body": body,
    }
