"""Origin response: says how long what is kept, and puts a page in the place of an origin's error, before the cache stores."""

import re

HASHED = re.compile(r"\.[0-9a-f]{8,}\.\w+$")  # app.3f8a12bc.js: another content has another name

ERROR_PAGE = """<!doctype html>
<title>{title}</title>
<h1>{title}</h1>
<p>{advice} <a href="/">Home</a>
"""


def lambda_handler(event, context):
    cf = event["Records"][0]["cf"]
    request, response = cf["request"], cf["response"]
    status = int(response["status"])
    if status >= 400:
        replace(response, status)
    elif HASHED.search(request["uri"]):
        set_header(response, "Cache-Control", "public, max-age=31536000, immutable")
    else:
        # Browsers ask each time; the edge answers for five minutes.
        set_header(response, "Cache-Control", "public, max-age=0, s-maxage=300")
    # Tells which key is in use while keys are changed.
    signature = request["headers"].get("x-origin-signature")
    if signature:
        set_header(response, "X-Signed-With", signature[0]["value"].partition(",")[0])
    return response


def replace(response, status):
    if status < 500:
        title, advice, kept_s = "Not found", "There is no such page.", 60
    else:
        title, advice, kept_s = "Out of order", "Please try again in a moment.", 1
    response["body"] = ERROR_PAGE.format(title=title, advice=advice)
    set_header(response, "Content-Type", "text/html; charset=utf-8")
    set_header(response, "Cache-Control", f"public, max-age={kept_s}")


def set_header(response, name, value):
    response["headers"][name.lower()] = [{"key": name, "value": value}]
