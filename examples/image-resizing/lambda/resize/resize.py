"""Origin response: `?width=` makes an image as narrow as that.

Functions do not see the body of an origin's answer, so the original is fetched here, from the origin that has just answered.
"""

import base64
import io
import urllib.parse
import urllib.request

from PIL import Image

WIDTHS = (160, 320, 640, 1280)
ORIGINAL_BYTES_MAX = 20 * 1024 * 1024
# What an answer may have, less its headers, and base64 takes four characters for three bytes.
RESIZED_BYTES_MAX = 740 * 1024
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


def lambda_handler(event, context):
    cf = event["Records"][0]["cf"]
    request, response = cf["request"], cf["response"]
    width = wanted_width(request["querystring"])
    kind = response["headers"].get("content-type", [{"value": ""}])[0]["value"]
    if response["status"] != "200" or width is None or kind not in FORMATS:
        return response
    resized = resize(fetch(request), width, FORMATS[kind])
    if resized is None:
        return response
    response["body"] = base64.b64encode(resized).decode("ascii")
    response["bodyEncoding"] = "base64"
    response["headers"]["x-resized-to"] = [{"key": "X-Resized-To", "value": str(width)}]
    # They are about the original.
    for name in ("etag", "last-modified", "content-length", "accept-ranges"):
        response["headers"].pop(name, None)
    return response


def wanted_width(querystring):
    """The next of a few widths, so that nobody can fill the cache with a thousand sizes of one image."""
    given = urllib.parse.parse_qs(querystring).get("width", [""])[0]
    if not given.isdecimal() or len(given) > 5:
        return None
    return next((width for width in WIDTHS if width >= int(given)), None)


def fetch(request):
    origin = request["origin"]["custom"]
    url = f"{origin['protocol']}://{origin['domainName']}:{origin['port']}{origin['path']}{request['uri']}"
    with urllib.request.urlopen(url, timeout=10) as original:
        return original.read(ORIGINAL_BYTES_MAX)


def resize(original, width, kind):
    image = Image.open(io.BytesIO(original))
    if image.width <= width:
        return None
    image.thumbnail((width, image.height))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue() if out.tell() <= RESIZED_BYTES_MAX else None
