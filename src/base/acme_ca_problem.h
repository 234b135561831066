
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * Problem documents (RFC 9457) with the error types of RFC 8555, 6.7.  One
 * list makes the enum and the table, so that they cannot drift apart.
 */


#ifndef _ACME_CA_PROBLEM_H_INCLUDED_
#define _ACME_CA_PROBLEM_H_INCLUDED_


#include "acme_ca_base.h"


/* name, type below urn:ietf:params:acme:error:, HTTP status, default detail */

#define ACME_CA_PROBLEMS(X)                                                   \
    X(ACCOUNT_DOES_NOT_EXIST, "accountDoesNotExist", 400,                     \
      "no account exists for this key")                                       \
    X(ALREADY_REPLACED, "alreadyReplaced", 409,                               \
      "the certificate has been replaced already")                            \
    X(ALREADY_REVOKED, "alreadyRevoked", 400,                                 \
      "the certificate has been revoked already")                             \
    X(BAD_CSR, "badCSR", 400, "the CSR is unacceptable")                      \
    X(BAD_NONCE, "badNonce", 400, "JWS has an invalid anti-replay nonce")     \
    X(BAD_PUBLIC_KEY, "badPublicKey", 400, "the public key is unacceptable")  \
    X(BAD_REVOCATION_REASON, "badRevocationReason", 400,                      \
      "the revocation reason is not allowed")                                 \
    X(BAD_SIGNATURE_ALGORITHM, "badSignatureAlgorithm", 400,                  \
      "the signature algorithm is not supported")                             \
    X(CAA, "caa", 403, "CAA records forbid issuance")                         \
    X(COMPOUND, "compound", 400, "several errors, see subproblems")           \
    X(CONNECTION, "connection", 400, "could not connect to the target")       \
    X(DNS, "dns", 400, "the DNS query failed")                                \
    X(EXTERNAL_ACCOUNT_REQUIRED, "externalAccountRequired", 403,              \
      "an external account binding is required")                              \
    X(INCORRECT_RESPONSE, "incorrectResponse", 403,                           \
      "the response did not match the challenge")                             \
    X(INVALID_CONTACT, "invalidContact", 400, "a contact URL is invalid")     \
    X(INVALID_PROFILE, "invalidProfile", 400, "no such profile")              \
    X(MALFORMED, "malformed", 400, "the request is malformed")                \
    X(ORDER_NOT_READY, "orderNotReady", 403,                                  \
      "the order is not ready to be finalized")                               \
    X(RATE_LIMITED, "rateLimited", 429, "too many requests")                  \
    X(REJECTED_IDENTIFIER, "rejectedIdentifier", 400,                         \
      "the server will not issue for the identifier")                         \
    X(SERVER_INTERNAL, "serverInternal", 500, "the server met an error")      \
    X(TLS, "tls", 400, "a TLS error occurred during validation")              \
    X(UNAUTHORIZED, "unauthorized", 403, "not authorized")                    \
    X(UNSUPPORTED_CONTACT, "unsupportedContact", 400,                         \
      "a contact URL has an unsupported scheme")                              \
    X(UNSUPPORTED_IDENTIFIER, "unsupportedIdentifier", 400,                   \
      "the identifier's type is not supported")                               \
    X(USER_ACTION_REQUIRED, "userActionRequired", 403,                        \
      "visit the instance URL")                                               \
    /* the same types under other HTTP statuses */                            \
    X(ACCOUNT_DEACTIVATED, "unauthorized", 401,                               \
      "the account is deactivated")                                           \
    X(NO_CREDENTIALS, "unauthorized", 401,                                    \
      "the server wants to know who asks")                                    \
    X(NOT_FOUND, "malformed", 404, "no such resource")                        \
    X(REJECTED_AUTHZ, "rejectedIdentifier", 403,                              \
      "the server will not issue for the identifier")                         \
    X(METHOD_NOT_ALLOWED, "malformed", 405, "the method is not allowed here") \
    X(NOT_ACCEPTABLE, "malformed", 406,                                       \
      "certificates come as application/pem-certificate-chain, "              \
      "application/pkix-cert and application/pkcs7-mime")                     \
    X(CONFLICT, "malformed", 409, "the request conflicts with another")       \
    X(TOO_LARGE, "malformed", 413, "the request body is too large")           \
    X(UNSUPPORTED_MEDIA, "malformed", 415,                                    \
      "the content type must be application/jose+json")                       \
    X(UNAVAILABLE, "serverInternal", 503,                                     \
      "the server cannot serve this now, try again later")


/*
 * JSON array of the JWS algorithms taken.  It stands here because the problem
 * document of badSignatureAlgorithm carries it; jose/ implements it.
 */
#define ACME_CA_ALGORITHMS                                                    \
    "[\"ES256\",\"ES384\",\"ES512\",\"EdDSA\","                               \
    "\"RS256\",\"RS384\",\"RS512\",\"PS256\"]"


#define ACME_CA_PROBLEM_ENUM(name, type, status, detail)  ACME_CA_##name,

typedef enum {
    ACME_CA_PROBLEMS(ACME_CA_PROBLEM_ENUM)
    ACME_CA_PROBLEM_N
} acme_ca_problem_type_e;


struct acme_ca_problem_s {
    acme_ca_problem_type_e   type;
    ngx_str_t                detail;
    ngx_str_t                identifier_type;   /* of a subproblem, or empty */
    ngx_str_t                identifier_value;
    ngx_str_t                request_id;        /* set by the one exit */
    ngx_str_t                location;          /* RFC 8555, 7.3.5: conflict */
    ngx_str_t                instance;          /* URL for a person, or empty */
    time_t                   retry_after;       /* seconds, 0: none */
    acme_ca_problem_t       *subproblems;       /* RFC 8555, 6.7.1 */
    acme_ca_problem_t       *next;              /* the next subproblem */
};


/*
 * Records the problem in ctx and answers NGX_ABORT (NGX_ERROR when out of
 * memory).  The detail is an nginx format; NULL takes the table's.  It goes to
 * the client, so it never holds what a validation target answered.
 */
ngx_int_t acme_ca_refuse(acme_ca_ctx_t *ctx, acme_ca_problem_type_e type,
    const char *fmt, ...);

/*
 * Appends a subproblem for one identifier to ctx->problem, which becomes
 * "compound" with its first subproblem.  Answers NGX_ABORT or NGX_ERROR.
 */
ngx_int_t acme_ca_refuse_identifier(acme_ca_ctx_t *ctx,
    acme_ca_problem_type_e type, ngx_str_t *identifier_type,
    ngx_str_t *identifier_value, const char *fmt, ...);

/* the URN's last part, e.g. "badCSR" */
const char *acme_ca_problem_name(acme_ca_problem_type_e type);

ngx_uint_t acme_ca_problem_status(acme_ca_problem_type_e type);

/*
 * Writes the document: type, detail, status (equal to the HTTP status),
 * identifier, subproblems, instance, requestId, and for
 * badSignatureAlgorithm the list "algorithms" (RFC 8555, 6.2).  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t acme_ca_problem_write(ngx_pool_t *pool, acme_ca_problem_t *problem,
    ngx_str_t *document);


#endif /* _ACME_CA_PROBLEM_H_INCLUDED_ */
