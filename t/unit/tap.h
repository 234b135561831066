
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * The Test Anything Protocol, as little of it as the unit tests need.
 */


#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <stdio.h>
#include <string.h>


static int  tap_n, tap_failed;


/* ok(condition, "format", ...); answers the condition */
#define ok(cond, ...)                                                         \
    ({                                                                        \
        int  tap_ok_ = (cond) ? 1 : 0;                                        \
        tap_failed += !tap_ok_;                                               \
        printf("%sok %d - ", tap_ok_ ? "" : "not ", ++tap_n);                 \
        printf(__VA_ARGS__);                                                  \
        printf("\n");                                                         \
        if (!tap_ok_) {                                                       \
            printf("# at %s line %d: %s\n", __FILE__, __LINE__, #cond);       \
        }                                                                     \
        fflush(stdout);                                                       \
        tap_ok_;                                                              \
    })

#define is_int(got, want, ...)                                                \
    ({                                                                        \
        long long  g_ = (long long) (got), w_ = (long long) (want);           \
        if (!ok(g_ == w_, __VA_ARGS__)) {                                     \
            printf("# got %lld, want %lld\n", g_, w_);                        \
        }                                                                     \
        g_ == w_;                                                             \
    })

/* an ngx_str_t against a C string */
#define is_str(got, want, ...)                                                \
    ({                                                                        \
        ngx_str_t  *g_ = (ngx_str_t *) (got);                                 \
        const char *w_ = (want);                                              \
        int  same_ = g_ != NULL && g_->len == strlen(w_)                      \
                     && memcmp(g_->data, w_, g_->len) == 0;                   \
        if (!ok(same_, __VA_ARGS__) && g_ != NULL) {                          \
            printf("# got  \"%.*s\"\n# want \"%s\"\n",                        \
                   (int) g_->len, (char *) g_->data, w_);                     \
        }                                                                     \
        same_;                                                                \
    })

/* the plan and the exit code: "return done_testing();" */
#define done_testing()  (printf("1..%d\n", tap_n), tap_failed != 0)


#endif /* _TAP_H_INCLUDED_ */
