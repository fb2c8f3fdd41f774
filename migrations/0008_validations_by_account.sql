-- SPDX-License-Identifier: Apache-2.0
-- Schema 8: challenges that are due are found account by account, so that one account's do not hide the others'.
DROP INDEX authorizations_due;
CREATE INDEX authorizations_due ON authorizations (account_id, next_attempt_at)
    WHERE challenge_status = 'processing' AND status = 'pending';
