
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A DNS server on 127.0.0.1: every name has the address 127.0.0.1, and the one
 * that dns-01 (RFC 8555, 8.4) asks for has its TXT.  All else is empty.
 */


#include <ctype.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/sha.h>

#include "acme_load.h"


#define ACME_LOAD_DNS_A       1
#define ACME_LOAD_DNS_TXT     16
#define ACME_LOAD_DNS_SIZE    1024
#define ACME_LOAD_DNS_PREFIX  "_acme-challenge."


static void *acme_load_dns_run(void *data);
static int acme_load_dns_answer(unsigned char *p, ssize_t n);
static ssize_t acme_load_dns_question(const unsigned char *p, ssize_t n,
    char *name);
static size_t acme_load_dns_data(unsigned type, const char *name,
    unsigned char *data);


int
acme_load_dns(int port)
{
    int        fd;
    pthread_t  thread;

    fd = acme_load_listen(port, SOCK_DGRAM);
    if (fd == -1) {
        return -1;
    }

    return pthread_create(&thread, NULL, acme_load_dns_run,
                          (void *) (intptr_t) fd);
}


static void *
acme_load_dns_run(void *data)
{
    int                  fd, len;
    ssize_t              n;
    socklen_t            socklen;
    unsigned char        p[ACME_LOAD_DNS_SIZE];
    struct sockaddr_in   sin;

    fd = (int) (intptr_t) data;

    for ( ;; ) {
        socklen = sizeof(sin);
        n = recvfrom(fd, p, 512, 0, (struct sockaddr *) &sin, &socklen);

        len = acme_load_dns_answer(p, n);

        if (len > 0) {
            (void) sendto(fd, p, len, 0, (struct sockaddr *) &sin, socklen);
        }
    }

    return NULL;
}


/* the question becomes the answer; what came behind it is left out */

static int
acme_load_dns_answer(unsigned char *p, ssize_t n)
{
    char      name[256];
    size_t    len;
    ssize_t   at;
    unsigned  type;

    static const unsigned char  record[] = {
        0xc0, 0x0c, 0, 0, 0, 1, 0, 0, 0, 0, 0
    };

    at = acme_load_dns_question(p, n, name);
    if (at == -1) {
        return -1;
    }

    p[2] = 0x84 | (p[2] & 0x01);
    p[3] = 0x80;
    memset(p + 6, 0, 6);

    type = p[at - 4] << 8 | p[at - 3];
    len = acme_load_dns_data(type, name, p + at + sizeof(record) + 1);

    if (len) {
        p[7] = 1;
        memcpy(p + at, record, sizeof(record));
        p[at + 3] = (unsigned char) type;
        p[at + sizeof(record)] = (unsigned char) len;
        at += sizeof(record) + 1 + len;
    }

    return (int) at;
}


/* where it ends, or -1; name is in lower case, each label with a dot */

static ssize_t
acme_load_dns_question(const unsigned char *p, ssize_t n, char *name)
{
    ssize_t        at;
    unsigned char  i;

    for (at = 12; at < n && p[at]; at += p[at] + 1) {

        if (p[at] > 63 || at + p[at] >= n || at > 240) {
            return -1;
        }

        for (i = 1; i <= p[at]; i++) {
            *name++ = (char) tolower(p[at + i]);
        }

        *name++ = '.';
    }

    *name = '\0';

    return at + 5 <= n ? at + 5 : -1;
}


/* how many bytes, 0: there is no such record */

static size_t
acme_load_dns_data(unsigned type, const char *name, unsigned char *data)
{
    size_t         len;
    unsigned char  digest[SHA256_DIGEST_LENGTH];

    static const unsigned char  address[] = { 127, 0, 0, 1 };

    if (type == ACME_LOAD_DNS_A) {
        memcpy(data, address, sizeof(address));
        return sizeof(address);
    }

    len = sizeof(ACME_LOAD_DNS_PREFIX) - 1;

    if (type != ACME_LOAD_DNS_TXT
        || strncmp(name, ACME_LOAD_DNS_PREFIX, len) != 0
        || acme_load_proof(name + len, digest) != 0)
    {
        return 0;
    }

    len = acme_load_b64url((char *) data + 1, digest, sizeof(digest));
    data[0] = (unsigned char) len;

    return len + 1;
}
