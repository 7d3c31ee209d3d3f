// TextEncoder and TextDecoder over native functions. Called with the global object and the natives.
(function (global, encode, encodeInto, decode) {
    class TextEncoder {
        get encoding() { return 'utf-8'; }
        encode(text) { return encode(text); }
        encodeInto(text, target) { return encodeInto(text, target); }
    }
    class TextDecoder {
        #fatal;
        #ignoreBOM;
        #begun = false;
        #pending;
        constructor(label, options) {
            const name = label === undefined ? 'utf-8' : String(label).toLowerCase();
            if (name !== 'utf-8' && name !== 'utf8') {
                throw new RangeError('The "' + label + '" encoding is not supported');
            }
            this.#fatal = options !== undefined && !!options.fatal;
            this.#ignoreBOM = options !== undefined && !!options.ignoreBOM;
        }
        get encoding() { return 'utf-8'; }
        get fatal() { return this.#fatal; }
        get ignoreBOM() { return this.#ignoreBOM; }
        decode(view, options) {
            const stream = options !== undefined && !!options.stream;
            const begun = this.#begun;
            const pending = this.#pending;
            this.#begun = false;
            this.#pending = undefined;
            const decoded = decode(view, this.#fatal, this.#ignoreBOM || begun, pending, stream);
            if (!stream) {
                return decoded;
            }
            this.#begun = begun || decoded.begun;
            this.#pending = decoded.pending;
            return decoded.text;
        }
    }
    for (const made of [TextEncoder, TextDecoder]) {
        Object.defineProperty(global, made.name, { value: made, writable: true, configurable: true });
    }
});
