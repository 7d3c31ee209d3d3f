"""Origin request: changes nothing, and ends when it is told to."""

import os


def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    if request["querystring"] == "crash":
        os._exit(1)
    return request
