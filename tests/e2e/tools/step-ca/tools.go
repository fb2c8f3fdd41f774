// SPDX-License-Identifier: Apache-2.0
//go:build tools

// Package tools pins the step-ca that the tests run: see ../build.
package tools

import _ "github.com/smallstep/certificates/cmd/step-ca"
