// Ways to the program that computes: a WebSocket, or a notebook's kernel.

const FIRST_WAIT = 300; // milliseconds before the connection is tried again
const LONGEST_WAIT = 4000;

/** A WebSocket to the server of this page, which is opened again when it is lost. */
export function socketChannel() {
  const address = new URL("ws", window.location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.hash = "";
  address.search = "";
  let socket = null;
  let wait = FIRST_WAIT;
  const channel = {
    onopen: null,
    onclose: null,
    onmessage: null,
    isOpen: () => socket !== null && socket.readyState === WebSocket.OPEN,
    send: (message) => socket.send(JSON.stringify(message)),
    connect() {
      socket = new WebSocket(address);
      socket.onopen = () => {
        wait = FIRST_WAIT;
        channel.onopen();
      };
      socket.onmessage = (event) => channel.onmessage(JSON.parse(event.data));
      socket.onclose = () => {
        channel.onclose();
        setTimeout(channel.connect, wait);
        wait = Math.min(2 * wait, LONGEST_WAIT);
      };
    },
  };
  return channel;
}

/** The model of an anywidget, whose messages go to the kernel. */
export function widgetChannel(model) {
  const channel = {
    onopen: null,
    onclose: null,
    onmessage: null,
    isOpen: () => true,
    send: (message) => model.send(message),
    connect() {
      model.on("msg:custom", (message) => channel.onmessage(message));
      channel.onopen();
    },
  };
  return channel;
}
