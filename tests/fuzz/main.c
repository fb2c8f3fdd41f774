/* SPDX-License-Identifier: Apache-2.0 */
/* The fuzzer over whole requests: see README.md. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dice.h"
#include "gateway/runtime/log.h"
#include "growth.h"
#include "house.h"
#include "odd.h"
#include "oracle.h"
#include "stories.h"
#include "verdict.h"
#include "world.h"

enum { STORIES_PER_EPOCH = 60, SEEDS_LINE_BYTES = 256 };

struct options {
    uint64_t seed;
    size_t epoch; /* the only one, where `one_epoch` */
    bool one_epoch;
    size_t epochs; /* 0: until the time is over */
    long seconds;
    const char *corpus;
    const char *only; /* the only stories' name; NULL: all */
};

static uint64_t seed_now;
static size_t epoch_now;

/* ---- stories by weight ---- */

static const struct story *story_at(size_t i)
{
    if (i < stories_plain_count)
        return &stories_plain[i];
    i -= stories_plain_count;
    return i < stories_hostile_count ? &stories_hostile[i] : &stories_ca[i - stories_hostile_count];
}

static const struct story *draw(const char *only)
{
    size_t count = stories_plain_count + stories_hostile_count + stories_ca_count, weights = 0;
    const struct story *drawn = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct story *story = story_at(i);
        if (only != NULL && strstr(story->name, only) == NULL && i >= 2 && !dice_chance(5))
            continue;
        weights += story->weight;
        if (dice_below(weights) < story->weight)
            drawn = story;
    }
    return drawn;
}

static void tell_one(const char *only)
{
    const struct story *story = draw(only);
    if (story == NULL)
        verdict("no story has a weight");
    struct arena *arena = arena_new();
    verdict_is_at(seed_now, epoch_now, story->name);
    story->tell(arena);
    fakes_settle();
    arena_free(arena);
}

static void begin_epoch(uint64_t seed, size_t epoch)
{
    seed_now = seed;
    epoch_now = epoch;
    dice_seed(seed * UINT64_C(0x100000001b3) + epoch);
    verdict_is_at(seed, epoch, "the start");
    oracle_begin();
    clients_begin();
    world_begin();
    house_begin();
}

static void end_epoch(void)
{
    verdict_is_at(seed_now, epoch_now, "the end");
    house_end();
    clients_end();
}

static void run_epoch(uint64_t seed, size_t epoch, const char *only)
{
    begin_epoch(seed, epoch);
    if (epoch == 0 && only == NULL) {
        verdict_is_at(seed, epoch, "growth");
        growth_check();
    }
    for (size_t i = 0; i < STORIES_PER_EPOCH; i++)
        tell_one(only);
    end_epoch();
}

/* ---- the hook of a fuzzing engine ---- */

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static void begin(const char *corpus)
{
    char path[512];
    verdict_watch();
    dice_rule_openssl();
    dice_seed(1);
    snprintf(path, sizeof path, "%s/json.txt", corpus);
    odd_read_corpus(path);
    log_set_level(LOG_LEVEL_DEBUG);
    fake_log_listen(oracle_logged);
    house_make();
}

/* One epoch, whose first choices are the octets. */
int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    static bool begun;
    if (!begun)
        begin(FUZZ_CORPUS);
    begun = true;
    begin_epoch(1, 1);
    dice_feed(octets, n);
    for (size_t i = 0; i < STORIES_PER_EPOCH / 4; i++)
        tell_one(NULL);
    end_epoch();
    return 0;
}

/* ---- runs ---- */

/* Seeds that have found something once: "SEED EPOCH", and why. */
static size_t run_seeds(const char *corpus)
{
    char path[512], line[SEEDS_LINE_BYTES];
    size_t runs = 0;
    snprintf(path, sizeof path, "%s/seeds.txt", corpus);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        verdict("the corpus %s cannot be read", path);
    while (fgets(line, sizeof line, file) != NULL) {
        char *end = NULL;
        uint64_t seed = strtoull(line, &end, 10);
        if (end == line)
            continue;
        run_epoch(seed, (size_t)strtoull(end, NULL, 10), NULL);
        runs++;
    }
    fclose(file);
    return runs;
}

static void usage(void)
{
    fputs("usage: fuzz_requests [--seed N] [--epoch N | --epochs N | --seconds N] [--story WORDS] [--accept "
          "ROWS] "
          "[--corpus FOLDER] [--log]\n",
          stderr);
    exit(2);
}

static struct options read_options(int count, char **arguments)
{
    static const struct option known[] = {{"seed", required_argument, NULL, 's'},
                                          {"epoch", required_argument, NULL, 'e'},
                                          {"epochs", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"corpus", required_argument, NULL, 'c'},
                                          {"story", required_argument, NULL, 'o'},
                                          {"accept", required_argument, NULL, 'a'},
                                          {"log", no_argument, NULL, 'l'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.seed = (uint64_t)time(NULL), .seconds = 20, .corpus = FUZZ_CORPUS};
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case 's':
            options.seed = strtoull(optarg, NULL, 10);
            break;
        case 'e':
            options.one_epoch = true;
            options.epoch = (size_t)strtoull(optarg, NULL, 10);
            break;
        case 'n':
            options.epochs = (size_t)strtoull(optarg, NULL, 10);
            break;
        case 't':
            options.seconds = strtol(optarg, NULL, 10);
            break;
        case 'c':
            options.corpus = optarg;
            break;
        case 'o':
            options.only = optarg;
            break;
        case 'a':
            verdict_accept(optarg);
            break;
        case 'l':
            fake_log_to_stderr(true);
            break;
        default:
            usage();
        }
    }
    return options;
}

int main(int count, char **arguments)
{
    const struct options options = read_options(count, arguments);
    time_t began = time(NULL);
    size_t epochs = 0;
    printf("fuzz: seed %llu\n", (unsigned long long)options.seed);
    fflush(stdout);
    begin(options.corpus);
    if (options.one_epoch) {
        run_epoch(options.seed, options.epoch, options.only);
        epochs = 1;
    } else {
        epochs = run_seeds(options.corpus);
        for (size_t i = 0; options.epochs != 0 ? i < options.epochs : time(NULL) - began < options.seconds;
             i++) {
            run_epoch(options.seed, i, options.only);
            epochs++;
        }
    }
    house_remove();
    world_ca_free();
    fake_agenda_clear();
    long took = (long)(time(NULL) - began), cpu = (long)(clock() / CLOCKS_PER_SEC);
    printf("fuzz: %zu requests in %zu epochs, %ld s, %ld s of CPU: %zu requests a second of CPU; nothing "
           "found\n",
           verdict_steps(), epochs, took, cpu, verdict_steps() / (size_t)(cpu == 0 ? 1 : cpu));
    return 0;
}
