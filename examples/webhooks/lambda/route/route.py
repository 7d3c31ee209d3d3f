"""Origin request: a form becomes JSON, and goes to the path of its kind."""

import base64
import json
from urllib.parse import parse_qsl


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    content_type = request["headers"].get("content-type", [{"value": ""}])[0]["value"]
    if request["method"] != "POST" or content_type != "application/x-www-form-urlencoded":
        return request
    form = dict(parse_qsl(base64.b64decode(request["body"]["data"]).decode()))
    request["body"] = {"action": "replace", "encoding": "text", "data": json.dumps(form, sort_keys=True)}
    request["headers"]["content-type"] = [{"key": "Content-Type", "value": "application/json"}]
    request["origin"]["custom"]["path"] = "/hooks"
    request["origin"]["custom"]["customHeaders"]["x-kind"] = [{"key": "X-Kind", "value": form.get("kind", "other")}]
    return request
