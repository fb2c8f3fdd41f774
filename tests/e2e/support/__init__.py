# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests are made of: real processes on loopback ports, and a client of our own for raw exchanges."""
