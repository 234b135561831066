
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * One HTTP/1.1 exchange on a worker's connection, which is kept alive.
 */


#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "acme_load.h"


static int acme_load_try(acme_load_worker_t *w, const char *method,
    const char *url, const char *type, const char *body, size_t len);
static int acme_load_connect(acme_load_worker_t *w, int tls,
    const char *authority);
static int acme_load_tcp(acme_load_worker_t *w, const char *host,
    const char *port);
static int acme_load_tls(acme_load_worker_t *w, const char *host);
static int acme_load_write(acme_load_worker_t *w, const char *p, size_t len);
static int acme_load_read(acme_load_worker_t *w, char *p, size_t len);
static int acme_load_read_reply(acme_load_worker_t *w, int head);
static int acme_load_headers(acme_load_worker_t *w, char *p, long *length,
    int *chunked, int *closing);
static int acme_load_chunks(acme_load_worker_t *w, size_t have);
static int acme_load_fail(acme_load_worker_t *w, const char *why);


static int
acme_load_fail(acme_load_worker_t *w, const char *why)
{
    (void) snprintf(w->why, sizeof(w->why), "%s", why);

    return -1;
}


void
acme_load_close(acme_load_worker_t *w)
{
    if (w->conn.ssl) {
        SSL_free(w->conn.ssl);
        w->conn.ssl = NULL;
    }

    if (w->conn.fd > 0) {
        close(w->conn.fd);
    }

    w->conn.fd = 0;
    w->conn.used = 0;
}


/* a server may close an idle connection: a second try, on a new one */

int
acme_load_exchange(acme_load_worker_t *w, const char *method,
    const char *url, const char *type, const char *body, size_t len)
{
    int  used;

    used = w->conn.fd > 0 && w->conn.used;

    if (acme_load_try(w, method, url, type, body, len) == 0) {
        return 0;
    }

    acme_load_close(w);

    if (!used || !w->sent) {
        return -1;
    }

    if (acme_load_try(w, method, url, type, body, len) != 0) {
        acme_load_close(w);
        return -1;
    }

    return 0;
}


static int
acme_load_try(acme_load_worker_t *w, const char *method, const char *url,
    const char *type, const char *body, size_t len)
{
    int          tls, n;
    char         authority[256], head[2048];
    const char  *p, *path;

    w->sent = 0;
    tls = strncmp(url, "https://", 8) == 0;

    p = strstr(url, "://");
    if (p == NULL) {
        return acme_load_fail(w, "bad URL");
    }

    p += 3;
    path = strchr(p, '/');
    if (path == NULL) {
        path = "/";
        (void) snprintf(authority, sizeof(authority), "%s", p);

    } else {
        (void) snprintf(authority, sizeof(authority), "%.*s",
                        (int) (path - p), p);
    }

    if (w->conn.fd > 0 && strcmp(w->conn.authority, authority) != 0) {
        acme_load_close(w);
    }

    if (w->conn.fd <= 0 && acme_load_connect(w, tls, authority) != 0) {
        return -1;
    }

    n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s\r\n"
                 "User-Agent: acme_load\r\n", method, path, authority);

    if (body) {
        n += snprintf(head + n, sizeof(head) - n, "Content-Type: %s\r\n"
                      "Content-Length: %zu\r\n", type, len);
    }

    n += snprintf(head + n, sizeof(head) - n, "\r\n");

    if ((size_t) n + len >= sizeof(w->request)) {
        return acme_load_fail(w, "request too large");
    }

    /* one write: head and body leave in one packet and one TLS record */

    memmove(w->request + n, body ? body : "", len);
    memcpy(w->request, head, n);

    if (acme_load_write(w, w->request, n + len) != 0) {
        w->sent = 1;
        return -1;
    }

    return acme_load_read_reply(w, strcmp(method, "HEAD") == 0);
}


static int
acme_load_connect(acme_load_worker_t *w, int tls, const char *authority)
{
    char   host[256], *port;

    (void) snprintf(host, sizeof(host), "%s", authority);

    port = strrchr(host, ':');
    if (port) {
        *port++ = '\0';
    }

    if (acme_load_tcp(w, host, port ? port : tls ? "443" : "80") != 0) {
        return -1;
    }

    (void) snprintf(w->conn.authority, sizeof(w->conn.authority), "%s",
                    authority);
    w->conn.used = 0;

    return tls ? acme_load_tls(w, host) : 0;
}


static int
acme_load_tcp(acme_load_worker_t *w, const char *host, const char *port)
{
    int               fd, on;
    double            left;
    struct timeval    tv;
    struct addrinfo   hints, *res, *ai;

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;

    if (getaddrinfo(host, port, &hints, &res) != 0) {
        return acme_load_fail(w, "host not found");
    }

    left = acme_load.deadline - acme_load_now();
    left = left < acme_load.timeout * 1e3 ? left : acme_load.timeout * 1e3;
    left = left > 100 ? left : 100;
    tv.tv_sec = (time_t) (left / 1e3);
    tv.tv_usec = (suseconds_t) ((left - tv.tv_sec * 1e3) * 1e3);

    for (ai = res, fd = -1; ai; ai = ai->ai_next) {
        fd = socket(ai->ai_family, ai->ai_socktype, 0);
        if (fd == -1) {
            continue;
        }

        on = 1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));

        if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0) {
            break;
        }

        close(fd);
        fd = -1;
    }

    freeaddrinfo(res);

    if (fd == -1) {
        return acme_load_fail(w, "connect failed");
    }

    w->conn.fd = fd;

    return 0;
}


static int
acme_load_tls(acme_load_worker_t *w, const char *host)
{
    SSL              *ssl;
    struct in6_addr   addr;

    ssl = SSL_new(acme_load.ssl_ctx);
    if (ssl == NULL || SSL_set_fd(ssl, w->conn.fd) != 1) {
        SSL_free(ssl);
        return acme_load_fail(w, "SSL_new failed");
    }

    w->conn.ssl = ssl;

    if (inet_pton(AF_INET, host, &addr) != 1
        && inet_pton(AF_INET6, host, &addr) != 1)
    {
        (void) SSL_set_tlsext_host_name(ssl, host);
        (void) SSL_set1_host(ssl, host);

    } else {
        (void) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    }

    if (SSL_connect(ssl) != 1) {
        return acme_load_fail(w, "TLS handshake failed");
    }

    w->handshakes++;

    return 0;
}


static int
acme_load_write(acme_load_worker_t *w, const char *p, size_t len)
{
    ssize_t  n;

    while (len) {
        n = w->conn.ssl ? SSL_write(w->conn.ssl, p, (int) len)
                        : send(w->conn.fd, p, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return acme_load_fail(w, "write failed");
        }

        p += n;
        len -= n;
    }

    return 0;
}


static int
acme_load_read(acme_load_worker_t *w, char *p, size_t len)
{
    ssize_t  n;

    if (len == 0) {
        return acme_load_fail(w, "reply too large");
    }

    errno = 0;
    n = w->conn.ssl ? SSL_read(w->conn.ssl, p, (int) len)
                    : recv(w->conn.fd, p, len, 0);

    if (n > 0) {
        return (int) n;
    }

    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return acme_load_fail(w, "timeout");
    }

    return acme_load_fail(w, "connection closed");
}


static int
acme_load_read_reply(acme_load_worker_t *w, int head)
{
    int      n, chunked, closing;
    char    *end;
    long     length;
    size_t   have, skip;

    have = 0;
    end = NULL;

    while (end == NULL) {
        n = acme_load_read(w, w->buffer + have,
                           sizeof(w->buffer) - 1 - have);
        if (n < 0) {

            /* closed before the first byte: idle, nothing was done */

            w->sent = have == 0 && strcmp(w->why, "timeout") != 0;
            return -1;
        }

        have += n;
        w->buffer[have] = '\0';
        end = strstr(w->buffer, "\r\n\r\n");
    }

    skip = end + 4 - w->buffer;

    if (acme_load_headers(w, w->buffer, &length, &chunked, &closing) != 0) {
        return -1;
    }

    memmove(w->buffer, w->buffer + skip, have - skip);
    have -= skip;
    w->buffer[have] = '\0';

    if (head || w->reply.status == 204) {
        have = 0;

    } else if (chunked) {
        if (acme_load_chunks(w, have) != 0) {
            return -1;
        }

        have = w->reply.body_len;

    } else {
        while (length < 0 || have < (size_t) length) {
            n = acme_load_read(w, w->buffer + have,
                               sizeof(w->buffer) - 1 - have);
            if (n < 0 && length < 0) {
                closing = 1;
                break;
            }

            if (n < 0) {
                return -1;
            }

            have += n;
        }
    }

    w->buffer[have] = '\0';
    w->reply.body = w->buffer;
    w->reply.body_len = have;
    w->conn.used++;

    if (closing) {
        acme_load_close(w);
    }

    return 0;
}


static int
acme_load_headers(acme_load_worker_t *w, char *p, long *length, int *chunked,
    int *closing)
{
    char    *eol, *value;
    size_t   len;

    *length = -1;
    *chunked = 0;
    *closing = 0;

    w->reply.location[0] = '\0';
    w->reply.nonce[0] = '\0';

    if (sscanf(p, "HTTP/1.%*d %d", &w->reply.status) != 1) {
        return acme_load_fail(w, "bad status line");
    }

    for (p = strstr(p, "\r\n") + 2; *p != '\r'; p = eol + 2) {
        eol = strstr(p, "\r\n");
        value = memchr(p, ':', eol - p);
        if (value == NULL) {
            continue;
        }

        len = value - p;
        value++;
        value += strspn(value, " \t");

        if (len == 12 && strncasecmp(p, "Replay-Nonce", 12) == 0) {
            (void) snprintf(w->reply.nonce, ACME_LOAD_NONCE, "%.*s",
                            (int) (eol - value), value);

        } else if (len == 8 && strncasecmp(p, "Location", 8) == 0) {
            (void) snprintf(w->reply.location, ACME_LOAD_URL, "%.*s",
                            (int) (eol - value), value);

        } else if (len == 14 && strncasecmp(p, "Content-Length", 14) == 0) {
            *length = strtol(value, NULL, 10);

        } else if (len == 17
                   && strncasecmp(p, "Transfer-Encoding", 17) == 0)
        {
            *chunked = strncasecmp(value, "chunked", 7) == 0;

        } else if (len == 10 && strncasecmp(p, "Connection", 10) == 0) {
            *closing = strncasecmp(value, "close", 5) == 0;
        }
    }

    return 0;
}


static int
acme_load_chunks(acme_load_worker_t *w, size_t have)
{
    int      n;
    char    *eol;
    size_t   at, done, size, total;

    /* buffer: decoded [0, done), encoded from at */

    at = done = 0;

    for ( ;; ) {
        eol = strstr(w->buffer + at, "\r\n");
        size = eol ? strtoul(w->buffer + at, NULL, 16) : 0;
        total = eol ? (size_t) (eol + 2 - w->buffer) + size + 2 : 0;

        if (eol && total <= have) {
            memmove(w->buffer + done, eol + 2, size);
            done += size;
            at = total;

            if (size == 0) {
                w->reply.body_len = done;
                return 0;
            }

            continue;
        }

        n = acme_load_read(w, w->buffer + have,
                           sizeof(w->buffer) - 1 - have);
        if (n < 0) {
            return -1;
        }

        have += n;
        w->buffer[have] = '\0';
    }
}
