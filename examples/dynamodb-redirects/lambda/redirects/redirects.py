"""Origin request: a path that is in the table `redirects` is sent elsewhere, and the answer is cached."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Made once for all events of an environment. A table that does not answer must not hold up pages for long.
PATIENCE = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})
TABLE = boto3.resource("dynamodb", region_name="us-east-1", config=PATIENCE).Table("redirects")

DESCRIPTIONS = {"301": "Moved Permanently", "302": "Found", "308": "Permanent Redirect"}


def lambda_handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    try:
        item = TABLE.get_item(Key={"path": request["uri"]}).get("Item")
    except (BotoCoreError, ClientError) as error:
        # The page is better than an error page.
        print(f"the table cannot be read: {error}")
        return request
    if item is None:
        return request
    status = str(item.get("status", "302"))
    return {
        "status": status,
        "statusDescription": DESCRIPTIONS.get(status, "Redirect"),
        "headers": {
            "location": [{"key": "Location", "value": item["location"]}],
            "cache-control": [{"key": "Cache-Control", "value": "public, max-age=60"}],
        },
    }
