// The Node.js runtime of Homefront: drives a function's handler through the Lambda Runtime API as Lambda's own runtime does.
//
// Run as `node -e`: it needs no file of its own. Two profiles: up to Node.js 22 with callbacks, and from 24 on without. Which
// one, the runtime's name says (AWS_EXECUTION_ENV), whatever `node` it is.
"use strict";
(() => {
  const fs = require("node:fs");
  const { connect } = require("node:net");
  const path = require("node:path");
  const { Writable } = require("node:stream");
  const { pathToFileURL } = require("node:url");
  const util = require("node:util");
  // Lambda's name of this file, as functions meet it in "Require stack".
  const requireFromHere = require("node:module").createRequire("/var/runtime/index.mjs");

  const { env } = process;
  const major = Number(/nodejs(\d+)/.exec(env.AWS_EXECUTION_ENV)?.[1] ?? 22);
  const hasCallbacks = major < 24;

  const fault = (name, message, stack) => {
    const error = new Error(message);
    Object.defineProperty(error, "name", { value: `Runtime.${name}`, enumerable: !hasCallbacks });
    error.stack = stack ?? error.stack.replace(/^Error/, error.name);
    return error;
  };

  // --- The log. ---

  // Whatever is printed before an answer stands before it in the log, however much it is.
  for (const output of [process.stdout, process.stderr]) output._handle?.setBlocking?.(true);

  const REQUEST_ID = Symbol.for("aws.lambda.runtime.requestId");
  globalThis[REQUEST_ID] = hasCallbacks ? undefined : "-";

  const log = (level) => (...words) => {
    const line = `${new Date().toISOString()}\t${globalThis[REQUEST_ID]}\t${level}\t${util.format(...words)}`;
    // One event of the log, however many lines it has.
    process.stdout.write(`${line.replaceAll("\n", "\r")}\n`);
  };
  const levels = { trace: "TRACE", debug: "DEBUG", info: "INFO", warn: "WARN", error: "ERROR", fatal: "FATAL" };
  for (const [method, level] of Object.entries(levels)) console[method] = log(level);
  console.log = console.info;

  const withDetails = (error) => {
    if (!(error instanceof Error)) return error;
    const details = { errorType: error.name, errorMessage: error.message, code: error.code, ...error };
    if (typeof error.stack === "string") details.stack = error.stack.split("\n");
    return details;
  };

  const logError = (what, error) => {
    const shown = error instanceof Error ? error : new Error(error);
    let text;
    try {
      text = JSON.stringify(shown, (_, value) => withDetails(value));
    } catch {
      text = JSON.stringify(errorObject(shown));
    }
    console.error(what, `\t${text}`);
  };

  // --- What is posted. ---

  const errorObject = (error) => {
    const plain = (text) => text?.replaceAll("\x7F", "%7F");
    try {
      const isError = util.types.isNativeError(error) || error instanceof Error;
      if (isError) {
        return { errorType: plain(error.name), errorMessage: plain(error.message), trace: plain(error.stack)?.split("\n") ?? [] };
      }
      return { errorType: typeof error, errorMessage: String(error), trace: [] };
    } catch {
      return {
        errorType: "handled",
        errorMessage:
          "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
        trace: [],
      };
    }
  };

  const serialise = (result) => {
    try {
      return JSON.stringify(result === undefined ? null : result) ?? "null";
    } catch {
      const message = "Unable to stringify response body";
      throw hasCallbacks ? new Error(message) : fault("JSONStringifyError", message);
    }
  };

  // --- The Runtime API. ---

  const [host, port] = (env.AWS_LAMBDA_RUNTIME_API ?? "").split(":");

  // A kept connection. Node's own HTTP client takes longer than most functions do. What waits for an answer keeps the process alive,
  // what waits for a request does not: the event loop may empty while a function runs.
  class Connection {
    static idle = [];

    constructor() {
      this.questions = [];
      this.pieces = [];
      this.length = 0;
      this.head = undefined;
      this.isReused = false;
      this.socket = connect(Number(port), host).setNoDelay(true);
      this.socket.on("data", (piece) => this.receive(piece));
      this.socket.on("error", (error) => this.lose(error));
      this.socket.on("close", () => this.lose(new Error("the connection was closed")));
    }

    send(...questions) {
      this.questions.push(...questions);
      this.socket.ref();
      if (questions.every(({ body }) => typeof body === "string")) {
        this.socket.write(questions.map(({ head, body }) => head + body).join(""));
        return;
      }
      this.socket.cork();
      for (const { head, body } of questions) {
        this.socket.write(head);
        this.socket.write(body);
      }
      this.socket.uncork();
    }

    receive(piece) {
      this.pieces.push(piece);
      this.length += piece.length;
      while (this.questions.length > 0) {
        this.head ??= this.readHead();
        if (!this.head || this.length < this.head.end + this.head.length) return;
        const bytes = this.joined();
        const { status, headers, end, length } = this.head;
        const rest = bytes.subarray(end + length);
        this.pieces = rest.length > 0 ? [rest] : [];
        this.length = rest.length;
        this.head = undefined;
        this.isReused = true;
        const question = this.questions.shift();
        if (status === 413 || headers.connection === "close") {
          this.end();
        } else if (this.questions.length === 0) {
          this.socket.unref();
          Connection.idle.push(this);
        }
        const text = bytes.toString("utf8", end, end + length);
        // Too large is the caller's to know, and it does. An answer that is refused comes second: the function may have posted one
        // itself. Anything else means that the two do not understand each other.
        const isSecond = status === 400 && question.isPost;
        if (status < 300 || status === 413 || isSecond) question.resolve({ headers, text });
        else question.reject(new Error(`${question.what}: ${status} ${text.trim()}`));
      }
    }

    joined() {
      if (this.pieces.length > 1) this.pieces = [Buffer.concat(this.pieces)];
      return this.pieces[0];
    }

    readHead() {
      if (this.length === 0) return undefined;
      const bytes = this.joined();
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return undefined;
      const [first, ...lines] = bytes.latin1Slice(0, end).split("\r\n");
      const headers = {};
      for (const line of lines) {
        const colon = line.indexOf(":");
        headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
      }
      return { status: Number(first.slice(9, 12)), headers, end: end + 4, length: Number(headers["content-length"] ?? 0) };
    }

    // No more comes of it; what it still owes is asked of another.
    end() {
      const owed = this.questions;
      this.questions = [];
      this.socket.destroy();
      if (owed.length > 0) new Connection().send(...owed);
    }

    lose(error) {
      const place = Connection.idle.indexOf(this);
      if (place >= 0) Connection.idle.splice(place, 1);
      // A connection that was kept may be closed by the time it is used again: the node closes it when it refuses an answer. An
      // event may be asked for once more then, an answer not be posted.
      const mayAskAgain = this.isReused || this.questions.some(({ isPost }) => isPost);
      const [again, lost] = [[], []];
      for (const question of this.questions) (mayAskAgain && !question.isPost ? again : lost).push(question);
      this.questions = again;
      this.end();
      for (const question of lost) question.reject(error);
    }
  }

  const question = (method, what, headers, body) => {
    const head = `${method} /2018-06-01/runtime/${what} HTTP/1.1\r\nHost: ${host}:${port}\r\n${headers}\r\n`;
    const asked = { head, body, what: `${method} ${what}`, isPost: method === "POST" };
    const answer = new Promise((resolve, reject) => Object.assign(asked, { resolve, reject }));
    return { asked, answer };
  };

  const send = (...questions) => (Connection.idle.pop() ?? new Connection()).send(...questions);

  const askForNext = () => question("GET", "invocation/next", "", "");

  // Of the posts so far; a process that must end lets them arrive.
  let posted = Promise.resolve();

  // The next event, where it was asked for together with the post of the last answer: one way instead of two.
  let coming;

  const post = (what, body, errorType, alsoNext = false) => {
    const length = Buffer.byteLength(body);
    let headers = `Content-Type: application/json\r\nContent-Length: ${length}\r\n`;
    // A class's name may hold anything, a header may not.
    if (/^[\w.]+$/.test(errorType ?? "")) headers += `Lambda-Runtime-Function-Error-Type: ${errorType}\r\n`;
    const { asked, answer } = question("POST", what, headers, body);
    if (alsoNext && coming === undefined) {
      const next = askForNext();
      coming = next.answer;
      // Whoever takes it learns of it.
      coming.catch(() => {});
      send(asked, next.asked);
    } else {
      send(asked);
    }
    posted = answer.catch((error) => {
      // The node refuses what is too large before it has read it, and has told the caller.
      if (length < 6 * 1024 * 1024) throw error;
    });
    return posted;
  };

  const postError = (what, error) => {
    const object = errorObject(error);
    return post(what, JSON.stringify(object), object.errorType);
  };

  const lost = (error) => {
    process.stderr.write(`homefront: the Lambda Runtime API is gone: ${error.message}\n`);
    process.exit(1);
  };

  // --- The ways a process ends. ---

  // Where an error that nobody caught is reported; `undefined` = nobody waits for an answer.
  let inFlight = "init/error";

  const endWith = (what, error, code) => {
    logError(what, error);
    const place = inFlight;
    inFlight = undefined;
    const told = place ? postError(place, error) : posted;
    told.catch(() => {}).then(() => process.exit(code));
  };

  if (hasCallbacks) {
    process.on("uncaughtException", (error) => endWith("Uncaught Exception", error, 129));
    process.on("unhandledRejection", (reason) => {
      const error = fault("UnhandledPromiseRejection", String(reason));
      endWith("Unhandled Promise Rejection", Object.assign(error, { reason, promise: {} }), 128);
    });
  }

  // What to do when the event loop has nothing left.
  let whenEmpty = () => {};
  process.on("beforeExit", () => whenEmpty());

  // --- The function. ---

  const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
  if (!["1", "true"].includes(env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) {
    globalThis.awslambda = {
      streamifyResponse: (handler) => Object.assign(handler, { [STREAMING]: "response" }),
      HttpResponseStream: {
        from: (stream, prelude) => {
          stream.setContentType("application/vnd.awslambda.http-integration-response");
          stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]);
          return stream;
        },
      },
    };
  }

  const isModulePackage = (folder) => {
    if (folder.endsWith("/node_modules")) return false;
    const file = path.join(folder, "package.json");
    if (fs.existsSync(file)) {
      try {
        return JSON.parse(fs.readFileSync(file)).type === "module";
      } catch (error) {
        console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
        return false;
      }
    }
    return folder !== "/" && isModulePackage(path.dirname(folder));
  };

  const loadModule = async (root, folder, name) => {
    const file = path.resolve(root, folder, name);
    const importFile = (suffix) => import(pathToFileURL(file + suffix).href);
    const isModule = !hasCallbacks || isModulePackage(path.dirname(file));
    if (fs.existsSync(file)) return hasCallbacks ? requireFromHere(file) : importFile("");
    if (fs.existsSync(`${file}.js`)) return isModule ? importFile(".js") : requireFromHere(`${file}.js`);
    if (fs.existsSync(`${file}.mjs`)) return importFile(".mjs");
    if (fs.existsSync(`${file}.cjs`)) return requireFromHere(`${file}.cjs`);
    return requireFromHere(requireFromHere.resolve(name, { paths: [root, path.join(root, folder)] }));
  };

  const member = (object, names) => names.split(".").reduce((nested, name) => nested?.[name], object);

  const load = async (handler) => {
    if (handler.includes("..")) {
      const why = "is not a valid handler name. Use absolute paths when specifying root directories in handler names.";
      throw fault("MalformedHandlerName", `'${handler}' ${why}`);
    }
    const last = path.basename(handler);
    const dot = last.indexOf(".");
    if (dot < 0) throw fault("MalformedHandlerName", "Bad handler");
    const names = last.slice(dot + 1);
    let module;
    try {
      const folder = handler.slice(0, handler.length - last.length);
      module = await loadModule(env.LAMBDA_TASK_ROOT ?? process.cwd(), folder, last.slice(0, dot));
    } catch (error) {
      if (error instanceof SyntaxError) throw fault("UserCodeSyntaxError", String(error), error.stack);
      if (error?.code === "MODULE_NOT_FOUND") throw fault("ImportModuleError", String(error));
      throw error;
    }
    const found = member(module, names) ?? (hasCallbacks ? undefined : member(module.default, names));
    if (!found) throw fault("HandlerNotFound", `${handler} is undefined or not exported`);
    if (typeof found !== "function") throw fault("HandlerNotFound", `${handler} is not a function`);
    if (found[STREAMING] !== undefined && found[STREAMING] !== "response") {
      throw fault("MalformedStreamingHandler", "Only response streaming is supported.");
    }
    if (!hasCallbacks && found.length >= 3 && !found[STREAMING]) {
      const message =
        "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";
      throw fault("CallbackHandlerDeprecated", message);
    }
    return found;
  };

  // --- The context. ---

  const ofTheFunction = () => ({
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
  });

  const ofTheCall = (headers) => {
    const deadline = Number(headers["lambda-runtime-deadline-ms"]);
    const json = (name) => (headers[name] === undefined ? undefined : JSON.parse(headers[name]));
    const trace = hasCallbacks ? {} : { xRayTraceId: headers["lambda-runtime-trace-id"] };
    return {
      clientContext: json("lambda-runtime-client-context"),
      identity: json("lambda-runtime-cognito-identity"),
      invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
      awsRequestId: headers["lambda-runtime-aws-request-id"],
      tenantId: headers["lambda-runtime-aws-tenant-id"],
      ...trace,
      getRemainingTimeInMillis: () => deadline - Date.now(),
    };
  };

  // --- One event. ---

  const next = async () => {
    let answer = coming;
    coming = undefined;
    if (answer === undefined) {
      const next = askForNext();
      send(next.asked);
      ({ answer } = next);
    }
    const { headers, text } = await answer;
    const id = headers["lambda-runtime-aws-request-id"];
    globalThis[REQUEST_ID] = id;
    const trace = headers["lambda-runtime-trace-id"];
    if (trace) env._X_AMZN_TRACE_ID = trace;
    else delete env._X_AMZN_TRACE_ID;
    inFlight = `invocation/${id}/error`;
    return { headers, text, id };
  };

  const succeed = (id, result) => {
    const body = result instanceof Raw ? result.bytes : serialise(result);
    inFlight = undefined;
    return post(`invocation/${id}/response`, body, undefined, true);
  };

  const fail = (id, error) => {
    logError("Invoke Error", error);
    inFlight = undefined;
    return postError(`invocation/${id}/error`, error);
  };

  // What a streaming handler wrote: Lambda@Edge takes it in one piece.
  class Raw {
    constructor(bytes) {
      this.bytes = bytes;
    }
  }

  const stream = () => {
    const pieces = [];
    const sink = new Writable({
      write: (piece, _, done) => {
        pieces.push(piece);
        done();
      },
    });
    const write = sink.write.bind(sink);
    const isBytes = (piece) => typeof piece === "string" || piece instanceof Uint8Array;
    sink.write = (piece, ...more) => write(isBytes(piece) ? piece : JSON.stringify(piece), ...more);
    sink.setContentType = () => {};
    sink.bytes = () => Buffer.concat([sink.prelude ?? Buffer.alloc(0), ...pieces]);
    return sink;
  };

  const streamed = async (handler, event, context) => {
    const sink = stream();
    const finished = new Promise((resolve, reject) => sink.on("finish", resolve).on("error", reject));
    const running = handler(event, sink, context);
    if (typeof running?.then !== "function") throw new Error("Streaming does not support non-async handlers.");
    if ((await running) !== undefined) console.warn("Streaming handlers ignore return values.");
    if (!sink.writableEnded) throw new Error("Response stream is not finished.");
    await finished;
    return new Raw(sink.bytes());
  };

  // --- Up to Node.js 22: the callback, `context.done` and promises; an answer may wait for the event loop to empty. ---

  const soon = (handler) => setImmediate(() => once(handler).catch(lost));

  const once = async (handler) => {
    const { headers, text, id } = await next();
    const goOn = () => soon(handler);
    let waits = true;
    let isComplete = false;
    const complete = (result) => {
      if (isComplete) {
        console.error("Invocation has already been reported as done. Cannot call complete more than once per invocation.");
        return;
      }
      isComplete = true;
      succeed(id, result).then(goOn, lost);
    };
    const refuse = (error) => void fail(id, error).then(goOn, lost);
    const isError = (error) => error !== undefined && error !== null;
    const done = (error, result) => {
      if (!isComplete) whenEmpty = () => {};
      if (isError(error)) refuse(error);
      else complete(result);
    };
    const callback = (error, result) => {
      if (isError(error) || !waits || isComplete) return done(error, result);
      whenEmpty = () => {
        whenEmpty = () => {};
        setImmediate(() => complete(result));
      };
    };
    // One answer in all, whichever way it comes.
    let isAnswered = false;
    const first = (wrapped) => (...values) => {
      if (isAnswered) return;
      wrapped(...values);
      isAnswered = true;
    };
    const answer = first(callback);
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waits;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waits = value;
      },
      succeed: first((result) => done(null, result)),
      fail: first((error) => done(isError(error) ? error : "handled", null)),
      done: first(done),
    };
    whenEmpty = () => {
      whenEmpty = () => {};
      complete(null);
    };
    try {
      Object.assign(context, ofTheFunction(), ofTheCall(headers));
      const event = JSON.parse(text);
      const result = handler[STREAMING] ? streamed(handler, event, context) : handler(event, context, answer);
      if (typeof result?.then === "function") result.then(context.succeed, context.fail).catch(context.fail);
    } catch (error) {
      answer(error);
    }
  };

  // --- From Node.js 24 on: a value or a promise, and nothing waits. ---

  const forEver = async (handler) => {
    for (;;) {
      const { headers, text, id } = await next().catch(lost);
      try {
        const context = { ...ofTheCall(headers), ...ordered(ofTheFunction()) };
        const event = JSON.parse(text);
        const result = await (handler[STREAMING] ? streamed(handler, event, context) : handler(event, context));
        await succeed(id, result).catch(lost);
      } catch (error) {
        await fail(id, error).catch(lost);
      }
    }
  };

  // The newer runtime names the function before its version.
  const ordered = ({ functionVersion, functionName, ...rest }) => ({ functionName, functionVersion, ...rest });

  load(env._HANDLER ?? "").then(
    (handler) => {
      inFlight = undefined;
      if (hasCallbacks) soon(handler);
      else forEver(handler);
    },
    (error) => {
      if (hasCallbacks) return endWith("Uncaught Exception", error, 129);
      logError("Init Error", error);
      const end = () => process.exit(1);
      postError("init/error", error).then(end, end);
    },
  );
})();
//# sourceURL=homefront:nodejs
