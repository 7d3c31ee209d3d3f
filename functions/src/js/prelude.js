// Error classes of CloudFront's engine. Called with the global object and whether this is runtime 1.0.
(function (global, is1) {
    function add(name) {
        const made = {
            [name]: function (message) {
                const error = new Error(message === undefined ? '' : message);
                Object.setPrototypeOf(error, this instanceof made ? Object.getPrototypeOf(this) : made.prototype);
                return error;
            },
        }[name];
        made.prototype = Object.create(Error.prototype, {
            constructor: { value: made, writable: true, configurable: true },
            name: { value: name, writable: true, configurable: true },
            message: { value: '', writable: true, configurable: true },
        });
        Object.setPrototypeOf(made, Error);
        Object.defineProperty(global, name, { value: made, writable: true, configurable: true });
    }
    add('InternalError');
    if (is1) add('MemoryError');
});
