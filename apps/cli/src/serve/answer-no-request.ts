import type { Socket } from 'node:net';

const reasons: Readonly<Record<string, { readonly status: string; readonly message: string } | undefined>> = {
  HPE_INVALID_METHOD: {
    status: '400 Bad Request',
    message: 'the request has no method that HTTP knows; over https, use a port that has a certificate',
  },
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    message:
      'the headers of the request are too long: leave out cookies, or ask for tokens with fewer scopes',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    message: 'the headers of the request did not come in time: send it again',
  },
};
const otherReason = { status: '400 Bad Request', message: 'what was sent is no request of HTTP/1.1' };

/** Answers bytes that Node's parser makes no request of, in the form of both APIs, and ends the connection. */
export function answerNoRequest(error: Error, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const { status, message } = reasons[code] ?? otherReason;
  const body = JSON.stringify({ errors: [{ code: 'BAD_REQUEST', message }] });
  const headers = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close`;
  socket.write(`HTTP/1.1 ${status}\r\n${headers}\r\n\r\n${body}`);
  socket.destroySoon();
}
