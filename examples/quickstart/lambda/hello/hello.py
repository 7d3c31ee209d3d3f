"""Origin request: answers /hello/ itself, and lets everything else go to the origin. The answer is cached."""

from datetime import datetime, timezone


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    if request["uri"] != "/hello/index.html":
        return request
    made = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    print(f"making a page at {made}")
    return {
        "status": "200",
        "statusDescription": "OK",
        "headers": {
            "content-type": [{"key": "Content-Type", "value": "text/plain; charset=utf-8"}],
            "cache-control": [{"key": "Cache-Control", "value": "max-age=60"}],
        },
        "body": f"Hello from Python, made at {made}.\nAsk again: for a minute the cache answers.\n",
    }
