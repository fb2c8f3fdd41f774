/* SPDX-License-Identifier: Apache-2.0 */
#include "stepca_world.h"

struct issuer_config stepca_world_issuer(const struct place *place)
{
    return (struct issuer_config){
        .id = "one",
        .type = ISSUER_STEPCA,
        .ca_url = "https://ca.test:9000",
        .provisioner_name = "acmegate",
        .provisioner_key_path = arena_printf(place->arena, "%s/provisioner.json", place->folder),
        .root_cert_path = arena_printf(place->arena, "%s/root.crt", place->folder),
        .request_timeout_s = 5,
    };
}
