// Viewer request: reads nothing and changes nothing.
function handler(event) {
    return event.request;
}
