/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/outbound/outbound_internal.h"

void outbound_libraries(struct library out[static OUTBOUND_LIBRARIES])
{
    out[0] = (struct library){"libcurl", LIBCURL_VERSION, curl_version_info(CURLVERSION_NOW)->version};
    out[1] = (struct library){"c-ares", ARES_VERSION_STR, ares_version(NULL)};
}
