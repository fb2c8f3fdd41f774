/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into uacme, which has no option for it: its curl trusts the CA file named by ACMEGATE_TEST_CA and
 * nothing else.
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>

CURL *curl_easy_init(void)
{
    CURL *(*init)(void) = (CURL * (*)(void)) dlsym(RTLD_NEXT, "curl_easy_init");
    CURL *curl = init ? init() : NULL;
    if (curl) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("ACMEGATE_TEST_CA"));
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    return curl;
}
