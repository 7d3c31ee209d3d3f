"""What a handler meets beside its event, as on Lambda: the context object, the logging format, the error object.

Compiled into the extension module and run once when an environment starts; the loop around it is Rust.
"""

import importlib
import importlib.machinery
import os
import sys
import time

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


def _set_up_logging(logging):
    class RequestId(logging.Filter):
        def filter(self, record):
            record.aws_request_id = _request_id
            return True

    class Handler(logging.Handler):
        def emit(self, record):
            # A traceback comes behind the format's own end of the line. On Lambda each record is an event of the log.
            text = self.format(record)
            sys.stdout.write(text if text.endswith("\n") else text + "\n")

    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = Handler()
    handler.setFormatter(formatter)
    handler.addFilter(RequestId())
    logging.getLogger().addHandler(handler)


# What Lambda's own runtime has loaded, itself or by what it needs, before a function begins.
_LOADED_BEFORE = frozenset(
    "__future__ collections contextlib copyreg decimal enum functools json keyword linecache logging math numbers operator re "
    "reprlib string textwrap threading token tokenize traceback types warnings weakref".split()
)


class _LoadedBefore:
    """Finds the modules that Lambda's runtime would have loaded, where it finds them: a file of the function's with such a name
    is not seen there either. They are not loaded before somebody wants them, since that takes longer than all the rest of a start."""

    def __init__(self, path):
        self.path = path
        # Inside such a module: what it needs is found as it would be without the function's files.
        self.depth = 0
        self.has_logging = False

    def find_spec(self, name, path=None, target=None):
        if path is not None or (name not in _LOADED_BEFORE and not self.depth):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, self.path)
        if spec is not None and spec.loader is not None and name in _LOADED_BEFORE:
            self._watch(spec.loader, name)
        return spec

    def _watch(self, loader, name):
        execute = loader.exec_module

        def exec_module(module):
            self.depth += 1
            try:
                execute(module)
            finally:
                self.depth -= 1
            if name == "logging" and not self.has_logging:
                self.has_logging = True
                _set_up_logging(module)

        loader.exec_module = exec_module


def load(handler):
    """Imports the module of `module.function` and gives the function."""
    task_root = os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd()
    # On Lambda nothing can be written beside the code. Here it would be taken for the code of a file that is saved again within a second.
    sys.dont_write_bytecode = True
    if "logging" in sys.modules:
        _set_up_logging(sys.modules["logging"])
    sys.meta_path.insert(0, _LoadedBefore([entry for entry in sys.path if entry not in ("", task_root)]))
    if sys.path and sys.path[0] in ("", task_root):
        sys.path[0] = task_root
    else:
        sys.path.insert(0, task_root)
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
        error_type, trace = type(error).__name__, _trace(error)
    try:
        message = str(error)
    except Exception:
        message = f"<{error_type} without a message: its __str__ failed>"
    _log_error(error_type, message, trace)
    return {"errorMessage": message, "errorType": error_type, "requestId": _request_id, "stackTrace": trace}


def _trace(error):
    try:
        import traceback
    except Exception:
        # A function that has used up its files, say, has none to load a module from.
        return []
    # Plain tuples: Lambda's traces have no markers below the lines.
    frames = [(at.filename, at.lineno, at.name, at.line) for at in traceback.extract_tb(error.__traceback__)]
    own = [index for index, frame in enumerate(frames) if frame[0] == __file__]
    return traceback.format_list(frames[own[-1] + 1 if own else 0 :])


def init_error_object(error):
    try:
        import logging

        logging.warning(_WARNING)
    except Exception:
        # As for a trace: what is wrong is more important than the advice.
        pass
    return error_object(error)


def _log_error(error_type, message, trace):
    lines = [f"[ERROR] {error_type}: {message}" if message else f"[ERROR] {error_type}", "Traceback (most recent call last):"]
    for element in trace:
        for line in element.splitlines():
            text = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(text)) + text)
    sys.stdout.write("\r".join(lines) + "\n")
