"""What a handler meets beside its event, as on Lambda: the context object, the logging format, the error object.

Compiled into the extension module and run once when an environment starts; the loop around it is Rust.
"""

import importlib
import logging
import os
import sys
import time
import traceback

_WARNING = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, "
    "a Lambda runtime update can cause unexpected function behavior.\r"
)
_TRACE = "_X_AMZN_TRACE_ID"
_request_id = ""


class Fault(Exception):
    """A failure that Lambda names itself instead of by the exception's class."""

    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error_type = error_type
        self.trace = list(trace)


class CognitoIdentity:
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self):
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None

    def __repr__(self):
        return (
            f"CognitoIdentity([cognito_identity_id={self.cognito_identity_id},"
            f"cognito_identity_pool_id={self.cognito_identity_pool_id}])"
        )


# The members of a context in the order of Lambda's. Read once: most are the same for each event.
_MEMBERS = {
    "aws_request_id": None,
    "log_group_name": os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME"),
    "log_stream_name": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"),
    "function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
    "memory_limit_in_mb": os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
    "function_version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION"),
    "invoked_function_arn": None,
    "tenant_id": None,
    "client_context": None,
    "identity": None,
    "_deadline_ms": 0,
}


class LambdaContext:
    """Made by `begin`, which sets its members all at once."""

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def w3c(self):
        # What a caller's client context tells of a trace. CloudFront gives none.
        return {}

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        names = (
            "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb function_version "
            "invoked_function_arn client_context identity tenant_id"
        ).split()
        return "LambdaContext([" + ",".join(f"{name}={getattr(self, name)}" for name in names) + "])"


class _RequestId(logging.Filter):
    def filter(self, record):
        record.aws_request_id = _request_id
        return True


class _Handler(logging.Handler):
    def emit(self, record):
        sys.stdout.write(self.format(record))


def _set_up_logging():
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = _Handler()
    handler.setFormatter(formatter)
    handler.addFilter(_RequestId())
    logging.getLogger().addHandler(handler)


def load(handler):
    """Imports the module of `module.function` and gives the function."""
    task_root = os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd()
    if sys.path and sys.path[0] in ("", task_root):
        sys.path[0] = task_root
    else:
        sys.path.insert(0, task_root)
    _set_up_logging()
    try:
        module_name, function_name = handler.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': {error}") from None
    try:
        if module_name.split(".")[0] in sys.builtin_module_names:
            raise Fault(
                "Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module"
            )
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        trace = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}\n'
        raise Fault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", [trace]
        ) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault(
            "Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'"
        ) from None


def lost(error):
    """How the process ends without its channel to the node; the log is told past whatever the function made of its outputs."""
    os.write(2, f"homefront: the channel to the node is lost: {error}\n".encode())
    return SystemExit(1)


def _raw_environment():
    """What `os.environ` has, as bytes, and the variable's name there; `None` where an interpreter keeps it otherwise."""
    try:
        return os.environ, os.environ._data, os.environ.encodekey(_TRACE)
    except AttributeError:
        return None, None, None


# `os.environ` would have the C library keep every value that the variable ever had: what starts a process finds it where Rust put it.
_ENVIRON, _ENVIRON_DATA, _TRACE_KEY = _raw_environment()


def begin(request_id, deadline_ms, function_arn, trace_id):
    """Makes the context of the next event; what is logged from here on belongs to it."""
    global _request_id
    _request_id = request_id
    if os.environ is _ENVIRON:
        _ENVIRON_DATA[_TRACE_KEY] = trace_id.encode()
    else:
        os.environ[_TRACE] = trace_id
    context = LambdaContext()
    context.__dict__ = members = _MEMBERS.copy()
    members["aws_request_id"] = request_id
    members["invoked_function_arn"] = function_arn
    members["identity"] = CognitoIdentity()
    members["_deadline_ms"] = deadline_ms
    return context


def error_object(error):
    """The JSON object of an exception; it is logged, too."""
    if isinstance(error, Fault):
        error_type, trace = error.error_type, error.trace
    else:
        # Plain tuples: Lambda's traces have no markers below the lines.
        frames = [(at.filename, at.lineno, at.name, at.line) for at in traceback.extract_tb(error.__traceback__)]
        own = [index for index, frame in enumerate(frames) if frame[0] == __file__]
        error_type, trace = type(error).__name__, traceback.format_list(frames[own[-1] + 1 if own else 0 :])
    try:
        message = str(error)
    except Exception:
        message = f"<{error_type} without a message: its __str__ failed>"
    _log_error(error_type, message, trace)
    return {"errorMessage": message, "errorType": error_type, "requestId": _request_id, "stackTrace": trace}


def init_error_object(error):
    logging.warning(_WARNING)
    return error_object(error)


def _log_error(error_type, message, trace):
    lines = [f"[ERROR] {error_type}: {message}" if message else f"[ERROR] {error_type}", "Traceback (most recent call last):"]
    for element in trace:
        for line in element.splitlines():
            text = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(text)) + text)
    sys.stdout.write("\r".join(lines) + "\n")
