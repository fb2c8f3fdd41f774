/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/base/host_port.h"
#include "leaks.h"

LEAK_CHECKED_SUITE(host_port);

Test(host_port, is_taken_apart_or_refused)
{
    static const struct {
        const char *text;
        bool good;
        const char *host;
        bool bracketed;
        bool has_port;
        uint16_t port;
    } cases[] = {
        {"a.test", true, "a.test", false, false, 0},
        {"a.test:443", true, "a.test", false, true, 443},
        {"192.0.2.1:65535", true, "192.0.2.1", false, true, 65535},
        {"a.test:0", true, "a.test", false, true, 0},
        {"a.test:00443", true, "a.test", false, true, 443},
        {"[2001:db8::1]", true, "2001:db8::1", true, false, 0},
        {"[2001:db8::1]:8443", true, "2001:db8::1", true, true, 8443},
        {"", true, "", false, false, 0},
        {":80", true, "", false, true, 80},
        {"[]", true, "", true, false, 0},
        {"a.test:", false, NULL, false, false, 0},
        {"a.test:65536", false, NULL, false, false, 0},
        {"a.test:4294967739", false, NULL, false, false, 0},
        {"a.test:000443", true, "a.test", false, true, 443},
        {"a.test:99999999999999999999", false, NULL, false, false, 0},
        {"a.test:-1", false, NULL, false, false, 0},
        {"a.test:+1", false, NULL, false, false, 0},
        {"a.test: 1", false, NULL, false, false, 0},
        {"a.test:8443:443", false, NULL, false, false, 0},
        {"2001:db8::1", false, NULL, false, false, 0},
        {"[2001:db8::1", false, NULL, false, false, 0},
        {"[2001:db8::1]8443", false, NULL, false, false, 0},
        {"[2001:db8::1]:", false, NULL, false, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct host_port parts;
        cr_assert_eq(host_port_parse(bytes_from_string(cases[i].text), &parts), cases[i].good, "%s",
                     cases[i].text);
        if (!cases[i].good)
            continue;
        cr_expect(bytes_equal_string(parts.host, cases[i].host), "%s", cases[i].text);
        cr_expect_eq(parts.bracketed, cases[i].bracketed, "%s", cases[i].text);
        cr_expect_eq(parts.has_port, cases[i].has_port, "%s", cases[i].text);
        cr_expect_eq(parts.port, cases[i].port, "%s", cases[i].text);
    }
}
