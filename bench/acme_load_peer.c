
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * An http-01 responder on 127.0.0.1, and what it shares with those of the
 * other challenges.  It keeps no table: the account that a token belongs to is
 * in the name of the host.
 */


#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "acme_load.h"


#define ACME_LOAD_FDS     4096
#define ACME_LOAD_QUERY   2048
#define ACME_LOAD_PREFIX  "/.well-known/acme-challenge/"


static void *acme_load_http_01_run(void *data);
static int acme_load_http_01_read(int fd);
static int acme_load_http_01_answer(char *query, char *answer, size_t size);


static char    acme_load_query[ACME_LOAD_FDS][ACME_LOAD_QUERY];
static size_t  acme_load_query_len[ACME_LOAD_FDS];


int
acme_load_listen(int port, int type)
{
    int                 fd, on;
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    fd = socket(AF_INET, type, 0);
    if (fd == -1) {
        return -1;
    }

    on = 1;
    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

    if (bind(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || (type == SOCK_STREAM && listen(fd, 1024) == -1))
    {
        close(fd);
        return -1;
    }

    return fd;
}


int
acme_load_http_01(int port)
{
    int        fd;
    pthread_t  thread;

    fd = acme_load_listen(port, SOCK_STREAM);
    if (fd == -1) {
        return -1;
    }

    return pthread_create(&thread, NULL, acme_load_http_01_run,
                          (void *) (intptr_t) fd);
}


static void *
acme_load_http_01_run(void *data)
{
    int                  listener, epoll, fd, i, n;
    struct epoll_event   event, events[64];

    listener = (int) (intptr_t) data;

    epoll = epoll_create1(0);
    event.events = EPOLLIN;
    event.data.fd = listener;

    if (epoll == -1
        || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == -1)
    {
        return NULL;
    }

    for ( ;; ) {
        n = epoll_wait(epoll, events, 64, -1);

        for (i = 0; i < n; i++) {
            fd = events[i].data.fd;

            if (fd != listener) {
                if (acme_load_http_01_read(fd) != 0) {
                    close(fd);
                }

                continue;
            }

            fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (fd == -1) {
                continue;
            }

            event.events = EPOLLIN;
            event.data.fd = fd;

            if (fd >= ACME_LOAD_FDS
                || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1)
            {
                close(fd);
                continue;
            }

            acme_load_query_len[fd] = 0;
        }
    }

    return NULL;
}


/* 0: more is to come */

static int
acme_load_http_01_read(int fd)
{
    int       len;
    char     *query, answer[1024];
    ssize_t   n;

    query = acme_load_query[fd];

    n = recv(fd, query + acme_load_query_len[fd],
             ACME_LOAD_QUERY - 1 - acme_load_query_len[fd], 0);
    if (n <= 0) {
        return -1;
    }

    acme_load_query_len[fd] += n;
    query[acme_load_query_len[fd]] = '\0';

    if (strstr(query, "\r\n\r\n") == NULL) {
        return 0;
    }

    len = acme_load_http_01_answer(query, answer, sizeof(answer));
    (void) send(fd, answer, len, MSG_NOSIGNAL);

    return -1;
}


static int
acme_load_http_01_answer(char *query, char *answer, size_t size)
{
    int       len;
    char     *token, *end, *host, body[512];
    unsigned  flow, account;

    token = strstr(query, ACME_LOAD_PREFIX);
    host = strcasestr(query, "\r\nHost:");

    if (token && host
        && sscanf(host + 7, " f%ua%u.", &flow, &account) == 2
        && account < acme_load.accounts)
    {
        token += sizeof(ACME_LOAD_PREFIX) - 1;
        end = token + strcspn(token, " \r\n");

        len = snprintf(body, sizeof(body), "%.*s.%s", (int) (end - token),
                       token, acme_load.account[account].thumbprint);

        return snprintf(answer, size, "HTTP/1.1 200 OK\r\n"
                        "Content-Type: application/octet-stream\r\n"
                        "Content-Length: %d\r\nConnection: close\r\n\r\n%s",
                        len, body);
    }

    return snprintf(answer, size, "HTTP/1.1 404 Not Found\r\n"
                    "Content-Length: 0\r\nConnection: close\r\n\r\n");
}


int
acme_load_proof(const char *host, unsigned char *digest)
{
    int       n;
    char      text[256];
    unsigned  flow, account;

    if (sscanf(host, "f%ua%u.", &flow, &account) != 2
        || account >= acme_load.accounts)
    {
        return -1;
    }

    n = snprintf(text, sizeof(text), "%s.%s",
                 acme_load.token[flow % ACME_LOAD_TOKENS],
                 acme_load.account[account].thumbprint);

    (void) SHA256((unsigned char *) text, n, digest);

    return 0;
}
