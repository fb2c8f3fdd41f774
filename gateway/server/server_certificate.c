/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/server_certificate.h"

#include "gateway/admin/admin.h"

bool server_certificate_prepare(const struct server *server, struct bytes chain_pem, struct bytes key_pem,
                                struct server_certificate *out, struct fault *fault)
{
    struct http_server *const front_ends[SERVER_TLS_FRONT_ENDS] = {server->http, admin_http(server->admin)};
    *out = (struct server_certificate){{NULL}};
    for (size_t i = 0; i < SERVER_TLS_FRONT_ENDS; i++) {
        if (front_ends[i] == NULL)
            continue;
        out->changes[i] = http_certificate_prepare(front_ends[i], chain_pem, key_pem, fault);
        if (out->changes[i] == NULL) {
            server_certificate_discard(out);
            return false;
        }
    }
    return true;
}

void server_certificate_commit(struct server_certificate *certificate)
{
    for (size_t i = 0; i < SERVER_TLS_FRONT_ENDS; i++)
        if (certificate->changes[i] != NULL)
            http_certificate_commit(certificate->changes[i]);
    *certificate = (struct server_certificate){{NULL}};
}

void server_certificate_discard(struct server_certificate *certificate)
{
    for (size_t i = 0; i < SERVER_TLS_FRONT_ENDS; i++)
        http_certificate_discard(certificate->changes[i]);
    *certificate = (struct server_certificate){{NULL}};
}
