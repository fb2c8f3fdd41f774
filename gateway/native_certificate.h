/*
 * Certificates that an issuer's CA signed without this server: for a host that asks the CA itself, or before a database
 * was lost. Only their revocation is ours (RFC 8555 §7.6).
 */
#pragma once

#include "gateway/server.h"

/*
 * True when the leaf chains to the pinned root of one of the issuers. Then `out` is the certificate as the store takes it,
 * of no account, with `facts` of the leaf. The intermediates are those that were seen in other chains of the issuer, in the
 * database and in the server's own certificate.
 */
[[gnu::warn_unused_result]] bool native_certificate_recognize(const struct server *server,
                                                              struct store_session *session,
                                                              struct arena *arena, struct bytes leaf,
                                                              const struct certificate_facts *facts,
                                                              struct certificate *out);
