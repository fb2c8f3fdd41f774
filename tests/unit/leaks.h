/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Criterion runs each test in a process of its own and does not notice what LeakSanitizer finds there. Every
 * test file declares its suite with LEAK_CHECKED_SUITE(name): after each test a leak fails the run, because
 * tests/run looks for LeakSanitizer in the output.
 */
#pragma once

#include <criterion/criterion.h>

void leaks_report(void);

#define LEAK_CHECKED_SUITE(name) TestSuite(name, .fini = leaks_report)
