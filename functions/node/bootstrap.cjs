// The Node.js runtime of Homefront: drives a function's handler as Lambda's own runtime does.
//
// Run as `node -e`: it needs no file of its own. Two profiles: up to Node.js 22 with callbacks, and from 24 on without. Which
// one, the runtime's name says (AWS_EXECUTION_ENV), whatever `node` it is.
"use strict";
(() => {
  const fs = require("node:fs");
  // Taken before any code of the function runs, which may put others in their places.
  const { readSync, writeSync, writevSync } = fs;
  const path = require("node:path");
  const { Writable } = require("node:stream");
  const { pathToFileURL } = require("node:url");
  const util = require("node:util");
  // Lambda's name of this file, as functions meet it in "Require stack".
  const HERE = "/var/runtime/index.mjs";
  const { builtinModules, createRequire, register, registerHooks } = require("node:module");
  const requireFromHere = createRequire(HERE);

  // `node -e` gives a script globals that no file has. A function that needs them would fail on Lambda.
  const ofEveryFile = ["console", "crypto", "process"];
  const removeGlobals = () => {
    for (const name of ["require", "module", "exports", "__filename", "__dirname", ...builtinModules]) {
      if (!ofEveryFile.includes(name)) delete globalThis[name];
    }
  };
  process.argv[1] = HERE;

  const { env } = process;
  const major = Number(/nodejs(\d+)/.exec(env.AWS_EXECUTION_ENV)?.[1] ?? 22);
  const hasCallbacks = major < 24;

  // The C library keeps every value that an environment variable ever had, and this one changes with each event. So it is kept here;
  // what reads or lists `process.env`, or starts a process with it, finds it there.
  const TRACE = "_X_AMZN_TRACE_ID";
  let traceId;
  const tellTraceId = (id) => {
    if (traceId === undefined) env[TRACE] = "";
    traceId = String(id);
  };
  // What contexts tell of the function, as the environment has it.
  let knownFunction;
  process.env = new Proxy(env, {
    get: (real, name) => (name === TRACE ? traceId : real[name]),
    set: (real, name, value) => {
      knownFunction = undefined;
      if (name === TRACE) tellTraceId(value);
      else real[name] = value;
      return true;
    },
    defineProperty: (real, name, property) => {
      knownFunction = undefined;
      return Reflect.defineProperty(real, name, property);
    },
    deleteProperty: (real, name) => {
      knownFunction = undefined;
      if (name === TRACE) traceId = undefined;
      return delete real[name];
    },
    getOwnPropertyDescriptor: (real, name) => {
      const found = Reflect.getOwnPropertyDescriptor(real, name);
      return name === TRACE && found ? { ...found, value: traceId } : found;
    },
  });

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
    let shown;
    let text;
    try {
      shown = error instanceof Error ? error : new Error(error);
      text = JSON.stringify(shown, (_, value) => withDetails(value));
    } catch {
      text = JSON.stringify(errorObject(shown ?? error));
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

  // --- The channel to the node. ---

  // A socket that the process has inherited. A frame is the lengths of its head and its body, 4 bytes each, little-endian, the head, and
  // the body; a head is text, one field a line. Reads and writes block: between events nothing of a function runs, as on Lambda.
  const CHANNEL = 3;
  const LENGTHS_BYTES = 8;

  const lost = (error) => {
    process.stderr.write(`homefront: the channel to the node is lost: ${error.message}\n`);
    process.exit(1);
  };

  // Frames that fit are written here, and go out in one piece.
  const outgoing = Buffer.allocUnsafeSlow(64 * 1024);
  const BYTES_PER_UNIT_MAX = 3;

  // Puts a frame without a body into the room; gives where it ends.
  const beginFrame = (at, head) => {
    const headBytes = outgoing.write(head, at + LENGTHS_BYTES);
    outgoing.writeUInt32LE(headBytes, at);
    outgoing.writeUInt32LE(0, at + 4);
    return at + LENGTHS_BYTES + headBytes;
  };

  const NEXT = Buffer.from(outgoing.subarray(0, beginFrame(0, "next")));

  // Counting is left out where it is plain that a text fits.
  const fits = (body, bytesMax) =>
    typeof body !== "string"
      ? body.length <= bytesMax
      : body.length * BYTES_PER_UNIT_MAX <= bytesMax || (body.length <= bytesMax && Buffer.byteLength(body) <= bytesMax);

  // Sends a frame whose body is a text or bytes, and asks for the next event with it.
  const send = (head, body, asks) => {
    try {
      const start = beginFrame(0, head);
      if (fits(body, outgoing.length - start - NEXT.length)) {
        const bytes = typeof body === "string" ? outgoing.write(body, start) : body.copy(outgoing, start);
        outgoing.writeUInt32LE(bytes, 4);
        const end = start + bytes;
        write(outgoing, asks ? beginFrame(end, "next") : end);
      } else {
        const bytes = typeof body === "string" ? Buffer.from(body) : body;
        outgoing.writeUInt32LE(bytes.length, 4);
        writeAll([outgoing.subarray(0, start), bytes, ...(asks ? [NEXT] : [])]);
      }
    } catch (error) {
      lost(error);
    }
  };

  const write = (bytes, length) => {
    let sent = 0;
    while (sent < length) sent += writeSync(CHANNEL, bytes, sent, length - sent);
  };

  const writeAll = (pieces) => {
    for (;;) {
      let sent = writevSync(CHANNEL, pieces);
      while (pieces.length > 0 && sent >= pieces[0].length) sent -= pieces.shift().length;
      if (pieces.length === 0) return;
      pieces[0] = pieces[0].subarray(sent);
    }
  };

  // Bytes that were read: `received` from 0 to `length`. Of more than one event nothing comes: the next has to be asked for.
  const ROOM_BYTES = 64 * 1024;
  const ROOM_KEPT_BYTES_MAX = 2 * 1024 * 1024;
  let received = Buffer.allocUnsafeSlow(ROOM_BYTES);
  let length = 0;

  const fill = (bytes) => {
    if (bytes > received.length) {
      const larger = Buffer.allocUnsafeSlow(bytes);
      received.copy(larger, 0, 0, length);
      received = larger;
    }
    while (length < bytes) {
      const read = readSync(CHANNEL, received, length, received.length - length, null);
      if (read === 0) throw new Error("its end of the channel is closed");
      length += read;
    }
  };

  const receive = () => {
    try {
      length = 0;
      if (received.length > ROOM_KEPT_BYTES_MAX) received = Buffer.allocUnsafeSlow(ROOM_BYTES);
      fill(LENGTHS_BYTES);
      const headEnd = LENGTHS_BYTES + received.readUInt32LE(0);
      const end = headEnd + received.readUInt32LE(4);
      fill(end);
      if (length > end) throw new Error("more than the event that was asked for came");
      const [id, deadline, arn, trace] = received.utf8Slice(LENGTHS_BYTES, headEnd).split("\n");
      const text = received.utf8Slice(headEnd, end);
      return { id, deadline: Number(deadline), arn, trace, text };
    } catch (error) {
      return lost(error);
    }
  };

  // Whether the node has been asked for the next event already, together with the last answer: one way instead of two.
  let isAsked = false;

  const answer = (head, body) => {
    isAsked = true;
    send(head, body, true);
  };

  // A class's name may hold anything.
  const plain = (errorType) => (/^[\w.]{1,256}$/.test(errorType ?? "") ? errorType : "");

  // --- The ways a process ends. ---

  // As what an error that nobody caught is reported; `undefined` = nobody waits for an answer.
  let inFlight = "init-error";

  const endWith = (what, error, code) => {
    logError(what, error);
    if (inFlight) {
      const object = errorObject(error);
      send(`${inFlight}\n${plain(object.errorType)}`, JSON.stringify(object), false);
    }
    process.exit(code);
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

  // On Lambda ES modules, too, are looked for in NODE_PATH when they are nowhere else.
  const searchNodePath = () => {
    const folders = (env.NODE_PATH ?? "").split(path.delimiter).filter((folder) => folder && folder !== env.LAMBDA_TASK_ROOT);
    const parents = folders.map((folder) => pathToFileURL(path.join(folder, "_")).href);
    if (parents.length === 0) return;
    if (registerHooks) return registerHooks({ resolve: resolveIn(parents) });
    // Before Node.js 22.15 by a thread of its own, which is given its script as a text.
    const script = `const isNowhere = ${isNowhere}; export const resolve = (${resolveInAside})(${JSON.stringify(parents)});`;
    register?.(`data:text/javascript,${encodeURIComponent(script)}`);
  };

  // Whether a package is in no folder above the one that names it.
  const isNowhere = (error, specifier) =>
    error?.code === "ERR_MODULE_NOT_FOUND" && !/^(\.{0,2}\/|[a-z][a-z\d+.-]*:)/i.test(specifier);

  const resolveIn = (parents) => (specifier, context, resolve) => {
    try {
      return resolve(specifier, context);
    } catch (error) {
      for (const parentURL of isNowhere(error, specifier) ? parents : []) {
        try {
          return resolve(specifier, { ...context, parentURL });
        } catch {}
      }
      throw error;
    }
  };

  const resolveInAside = (parents) => async (specifier, context, resolve) => {
    try {
      return await resolve(specifier, context);
    } catch (error) {
      for (const parentURL of isNowhere(error, specifier) ? parents : []) {
        try {
          return await resolve(specifier, { ...context, parentURL });
        } catch {}
      }
      throw error;
    }
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
      searchNodePath();
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

  // Read again after a change only: a look at the environment takes as long as a short handler. The newer runtime names the function
  // before its version.
  const readFunction = () => ({
    ...(hasCallbacks ? {} : { functionName: env.AWS_LAMBDA_FUNCTION_NAME }),
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
  });

  const ofTheFunction = () => (knownFunction ??= readFunction());

  const ofTheCall = ({ id, deadline, arn, trace }) => ({
    clientContext: undefined,
    identity: undefined,
    invokedFunctionArn: arn,
    awsRequestId: id,
    tenantId: undefined,
    ...(hasCallbacks ? {} : { xRayTraceId: trace }),
    getRemainingTimeInMillis: () => deadline - Date.now(),
  });

  // --- One event. ---

  const next = () => {
    if (!isAsked) send("next", "", false);
    isAsked = false;
    const since = Date.now();
    const event = receive();
    event.isAfterPause = Date.now() - since > 1;
    globalThis[REQUEST_ID] = event.id;
    tellTraceId(event.trace);
    inFlight = `error\n${event.id}`;
    return event;
  };

  const succeed = (id, result) => {
    const body = result instanceof Raw ? result.bytes : serialise(result);
    inFlight = undefined;
    answer(`response\n${id}`, body);
  };

  const fail = (id, error) => {
    logError("Invoke Error", error);
    inFlight = undefined;
    const object = errorObject(error);
    answer(`error\n${id}\n${plain(object.errorType)}`, JSON.stringify(object));
  };

  // While a process waits for its next event, connections that the function keeps are closed by their other ends. The event loop learns of
  // it in one turn and does what follows in the next; only then may the handler take one of those that are left.
  const TURNS_AFTER_PAUSE = 3;
  const afterTurns = (turns, then) => (turns === 0 ? then() : setImmediate(afterTurns, turns - 1, then));

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

  // Why there is no answer when nothing is left to do.
  const withoutAnswer = (returned) => {
    if (typeof returned?.then === "function") return "the promise that the handler returned is never settled";
    if (returned === undefined) return "the handler called no callback and returned no promise";
    return "the handler returned a value and no promise, which counts for nothing up to Node.js 22: make it async, or call the callback";
  };

  // `callbackWaitsForEmptyEventLoop`, with one accessor for all contexts. One for each would give each a hidden class of its own, and
  // V8 keeps what that reaches until a full collection: the garbage of hundreds of events, and pauses of ten milliseconds.
  class Waiting extends (function (context) { return context; }) {
    #waits = true;
    static #latest;
    static #accessor = {
      get() {
        return Waiting.of(this);
      },
      set(value) {
        Waiting.#itself(this).#waits = value;
      },
      enumerable: true,
      configurable: true,
    };
    // What inherits from a context stands for it, and a `Proxy`, which cannot be seen through, for the latest.
    static #itself = (stands) => {
      let context = Object(stands);
      while (context !== null && !(#waits in context)) context = Object.getPrototypeOf(context);
      return context ?? Waiting.#latest;
    };
    static of = (context) => Waiting.#itself(context).#waits;
    static add = (context) => {
      Waiting.#latest = new Waiting(context);
      Object.defineProperty(context, "callbackWaitsForEmptyEventLoop", Waiting.#accessor);
    };
  }

  // Between two events the event loop turns once: what earlier ones left behind goes on.
  const soon = (handler) => turn(handler, undefined, 0);

  // One way to the handler, after a pause or not: what it throws has the same trace each time.
  const turn = (handler, called, turnsLeft) => setImmediate(() => afterTurn(handler, called, turnsLeft));

  const afterTurn = (handler, called, turnsLeft) => {
    const isNew = called === undefined;
    const event = isNew ? next() : called;
    const turns = isNew ? (event.isAfterPause ? TURNS_AFTER_PAUSE : 0) : turnsLeft;
    if (turns > 0) turn(handler, event, turns - 1);
    else once(handler, event);
  };

  const once = (handler, called) => {
    const { id } = called;
    // A callback that is kept may be called when another event is on its way.
    let hasGoneOn = false;
    const goOn = () => {
      if (!hasGoneOn) soon(handler);
      hasGoneOn = true;
    };
    let isComplete = false;
    const complete = (result) => {
      if (isComplete) {
        console.error("Invocation has already been reported as done. Cannot call complete more than once per invocation.");
        return;
      }
      isComplete = true;
      succeed(id, result);
      goOn();
    };
    const refuse = (error) => {
      if (hasGoneOn) return;
      fail(id, error);
      goOn();
    };
    const isError = (error) => error !== undefined && error !== null;
    const done = (error, result) => {
      if (!isComplete) whenEmpty = () => {};
      if (isError(error)) refuse(error);
      else complete(result);
    };
    const callback = (error, result) => {
      if (isError(error) || !Waiting.of(context) || isComplete) return done(error, result);
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
    const callBack = first(callback);
    const context = {};
    Waiting.add(context);
    context.succeed = first((result) => done(null, result));
    context.fail = first((error) => done(isError(error) ? error : "handled", null));
    context.done = first(done);
    let returned;
    whenEmpty = () => {
      whenEmpty = () => {};
      process.stderr.write(`homefront: ${withoutAnswer(returned)}; as on Lambda the answer is null\n`);
      complete(null);
    };
    try {
      Object.assign(context, ofTheFunction(), ofTheCall(called));
      const event = JSON.parse(called.text);
      const result = handler[STREAMING] ? streamed(handler, event, context) : handler(event, context, callBack);
      returned = result;
      if (typeof result?.then === "function") result.then(context.succeed, context.fail).catch(context.fail);
    } catch (error) {
      callBack(error);
    }
  };

  // --- From Node.js 24 on: a value or a promise, and nothing waits. ---

  const forEver = async (handler) => {
    for (;;) {
      // Between two events the event loop turns once: what earlier ones left behind goes on.
      await new Promise((turned) => setImmediate(turned));
      const called = next();
      if (called.isAfterPause) await new Promise((turned) => afterTurns(TURNS_AFTER_PAUSE, turned));
      try {
        // Not by spreading: that gives each context a hidden class of its own, too.
        const context = Object.assign(ofTheCall(called), ofTheFunction());
        const event = JSON.parse(called.text);
        const result = await (handler[STREAMING] ? streamed(handler, event, context) : handler(event, context));
        succeed(called.id, result);
      } catch (error) {
        fail(called.id, error);
      }
    }
  };

  const begin = async () => {
    removeGlobals();
    const handler = await load(env._HANDLER ?? "");
    if (hasCallbacks) soon(handler);
    else forEver(handler);
  };

  const failToBegin = (error) => {
    if (hasCallbacks) return endWith("Uncaught Exception", error, 129);
    endWith("Init Error", error, 1);
  };

  // Not before this script has run: then `node` puts some of its globals back.
  setImmediate(() => begin().catch(failToBegin));
})();
//# sourceURL=homefront:nodejs
