/* SPDX-License-Identifier: Apache-2.0 */
#include "dice.h"
#include "fakes.h"

static const struct queue {
    size_t (*waiting)(void);
    bool (*turn)(void);
} queues[] = {
    {fake_loops_waiting, fake_loops_turn},       {fake_outbound_waiting, fake_outbound_turn},
    {fake_store_waiting, fake_store_turn},       {fake_loads_waiting, fake_loads_turn},
    {fake_channels_waiting, fake_channels_turn},
};
enum { QUEUES = sizeof queues / sizeof queues[0] };

bool fakes_turn(void)
{
    size_t first = dice_below(QUEUES);
    for (size_t i = 0; i < QUEUES; i++) {
        const struct queue *queue = &queues[(first + i) % QUEUES];
        if (queue->waiting() != 0)
            return queue->turn();
    }
    return false;
}

void fakes_settle(void)
{
    while (fakes_turn())
        continue;
}

void fakes_pass(int64_t ms)
{
    int64_t until = fake_clock_steady_ms() + ms;
    fakes_settle();
    while (fake_agenda_advance(until - fake_clock_steady_ms()))
        fakes_settle();
}
