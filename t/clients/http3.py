# Copyright (C) the nginx-acme-ca authors
#
# A gateway for tests: HTTP/1.1 in, HTTP/3 out, by aioquic.
#
#     http3.py LISTEN_PORT SERVER_PORT CA_FILE
#
# What comes back says so in its status line: "HTTP/1.1 200 h3".

import asyncio
import sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset

listen_port, server_port, ca_file = sys.argv[1:]

# headers of a connection, which HTTP/3 does not have
HOP = (b'host', b'connection', b'te', b'transfer-encoding')


class Http3(H3Connection):
    # it does not know that a reply to HEAD has a length and no body
    def _check_content_length(self, stream):
        pass


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.h3 = Http3(self._quic)
        self.replies = {}
        self.gone = False

    async def exchange(self, headers, body):
        stream = self._quic.get_next_available_stream_id()
        done = asyncio.get_running_loop().create_future()
        self.replies[stream] = [done, [], b'']

        self.h3.send_headers(stream, headers, end_stream=not body)
        if body:
            self.h3.send_data(stream, body, end_stream=True)
        self.transmit()

        return await asyncio.wait_for(done, 20)

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            self.gone = True
            for done, *_ in self.replies.values():
                if not done.done():
                    done.set_exception(ConnectionError(event.reason_phrase))
            return

        if isinstance(event, StreamReset):
            reply = self.replies.pop(event.stream_id, None)
            if reply:
                reply[0].set_exception(ConnectionError(
                    'reset %#x' % event.error_code))

        for got in self.h3.handle_event(event):
            reply = self.replies.get(got.stream_id)
            if reply is None:
                continue
            if isinstance(got, HeadersReceived):
                reply[1] += got.headers
            elif isinstance(got, DataReceived):
                reply[2] += got.data
            if got.stream_ended:
                del self.replies[got.stream_id]
                reply[0].set_result(reply[1:])


class Gateway:
    link = None
    client = None

    async def server(self):
        if self.client is None or self.client.gone:
            config = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN,
                                       server_name='127.0.0.1')
            config.load_verify_locations(ca_file)
            self.link = connect('127.0.0.1', int(server_port),
                                configuration=config, create_protocol=Client)
            self.client = await self.link.__aenter__()
        return self.client

    async def request(self, reader):
        head = (await reader.readuntil(b'\r\n\r\n')).split(b'\r\n')[:-2]
        method, path, _ = head[0].split(b' ')
        fields = [line.split(b': ', 1) for line in head[1:]]
        fields = [(name.lower(), value) for name, value in fields]
        known = dict(fields)

        size = int(known.get(b'content-length', 0))
        body = await reader.readexactly(size)

        return method, [
            (b':method', method), (b':scheme', b'https'),
            (b':authority', known[b'host']), (b':path', path),
        ] + [field for field in fields if field[0] not in HOP], body

    async def serve(self, reader, writer):
        try:
            while True:
                method, headers, body = await self.request(reader)
                client = await self.server()
                fields, text = await client.exchange(headers, body)

                reply = [b'HTTP/1.1 %s h3' % dict(fields)[b':status']]
                reply += [name + b': ' + value for name, value in fields
                          if name[:1] != b':']
                if b'content-length' not in dict(fields):
                    reply.append(b'content-length: %d' % len(text))
                writer.write(b'\r\n'.join(reply) + b'\r\n\r\n' + text)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


async def main():
    server = await asyncio.start_server(Gateway().serve, '127.0.0.1',
                                        int(listen_port), limit=1 << 24)
    async with server:
        await server.serve_forever()


asyncio.run(main())
