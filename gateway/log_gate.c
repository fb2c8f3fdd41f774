#include "gateway/log_gate.h"

/* A clock that was set back by more than `every_ms` opens it as well. */
bool log_gate_passes(struct log_gate *gate, int64_t now_ms, int64_t every_ms, size_t *held_back)
{
    if (now_ms < gate->closed_until_ms && gate->closed_until_ms - now_ms <= every_ms) {
        ++gate->held_back;
        return false;
    }
    *held_back = gate->held_back;
    *gate = (struct log_gate){.closed_until_ms = now_ms + every_ms};
    return true;
}
