/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/directory.h"

enum { DIRECTORY_MAX_BYTES = 64 * 1024 };

static void write_meta(struct json_writer *writer, const struct directory_meta *meta)
{
    json_key(writer, "meta");
    json_begin_object(writer);
    json_put_string(writer, "termsOfService", meta->terms_of_service);
    json_put_string(writer, "website", meta->website);
    if (meta->profile_count != 0) {
        json_key(writer, "profiles");
        json_begin_object(writer);
        for (size_t i = 0; i < meta->profile_count; i++)
            json_put_string(writer, meta->profile_names[i],
                            meta->profile_texts[i] == NULL ? "" : meta->profile_texts[i]);
        json_end_object(writer);
    }
    if (meta->caa_identity_count != 0) {
        json_key(writer, "caaIdentities");
        json_begin_array(writer);
        for (size_t i = 0; i < meta->caa_identity_count; i++)
            json_write_string(writer, meta->caa_identities[i]);
        json_end_array(writer);
    }
    if (meta->external_account_required)
        json_put_boolean(writer, "externalAccountRequired", true);
    if (meta->subdomains)
        json_put_boolean(writer, "subdomainAuthAllowed", true);
    json_end_object(writer);
}

struct bytes directory_render(struct arena *arena, const struct urls *urls, const struct directory_meta *meta)
{
    struct json_writer *writer = json_writer_new(arena, DIRECTORY_MAX_BYTES);
    json_begin_object(writer);
    json_put_string(writer, "newNonce", url_new_nonce(arena, urls));
    json_put_string(writer, "newAccount", url_new_account(arena, urls));
    json_put_string(writer, "newOrder", url_new_order(arena, urls));
    if (meta->pre_authorization)
        json_put_string(writer, "newAuthz", url_new_authorization(arena, urls));
    json_put_string(writer, "revokeCert", url_revoke_cert(arena, urls));
    json_put_string(writer, "keyChange", url_key_change(arena, urls));
    json_put_string(writer, "renewalInfo", url_renewal_info(arena, urls));
    if (meta->terms_of_service != NULL || meta->website != NULL || meta->profile_count != 0 ||
        meta->external_account_required || meta->caa_identity_count != 0 || meta->subdomains)
        write_meta(writer, meta);
    json_end_object(writer);
    return json_writer_finish(writer);
}
