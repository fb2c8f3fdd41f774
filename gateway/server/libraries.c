/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/server/libraries.h"

#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include "acme/base/json.h"
#include "gateway/http/http.h"
#include "gateway/outbound/outbound.h"
#include "store/store.h"

void server_libraries(struct library out[static SERVER_LIBRARIES])
{
    out[0] = (struct library){"OpenSSL", OPENSSL_VERSION_STR, OpenSSL_version(OPENSSL_VERSION_STRING)};
    out[1] = http_library();
    outbound_libraries(out + 2);
    store_libraries(out + 4);
    out[4 + STORE_LIBRARIES] = json_library();
}
