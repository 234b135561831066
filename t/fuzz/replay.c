
/*
 * Copyright (C) the nginx-acme-ca authors
 *
 * A main() for where libFuzzer is absent.  Takes libFuzzer's arguments as far
 * as t/00_fuzz.t uses them: replays the files of the folders named, then makes
 * -runs=N inputs of them by changing bytes.
 */


#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define MAX_SIZE   65536
#define MAX_SEEDS  4096


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_folder(const char *path);
static void replay_file(const char *path);
static void replay_mutate(unsigned runs);
static uint32_t replay_random(uint32_t n);


static struct {
    uint8_t  *data;
    size_t    size;
} seeds[MAX_SEEDS];

static size_t    n_seeds;
static uint32_t  state = 1;


int
main(int argc, char **argv)
{
    int       i;
    unsigned  runs;

    runs = 0;

    for (i = 1; i < argc; i++) {

        if (strncmp(argv[i], "-runs=", 6) == 0) {
            runs = (unsigned) strtoul(argv[i] + 6, NULL, 10);

        } else if (argv[i][0] != '-') {
            replay_folder(argv[i]);
        }
    }

    replay_mutate(runs);

    for (i = 0; i < (int) n_seeds; i++) {
        free(seeds[i].data);
    }

    fprintf(stderr, "%u files, %u mutations\n", (unsigned) n_seeds, runs);

    return 0;
}


static void
replay_folder(const char *path)
{
    DIR            *dir;
    char            name[4096];
    struct dirent  *entry;

    dir = opendir(path);

    if (dir == NULL) {
        perror(path);
        exit(1);
    }

    for (entry = readdir(dir); entry; entry = readdir(dir)) {

        if (entry->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
            replay_file(name);
        }
    }

    closedir(dir);
}


static void
replay_file(const char *path)
{
    FILE     *file;
    size_t    size;
    uint8_t  *data;

    file = fopen(path, "rb");
    data = malloc(MAX_SIZE);

    if (file == NULL || data == NULL) {
        perror(path);
        exit(1);
    }

    size = fread(data, 1, MAX_SIZE, file);
    fclose(file);

    /* exactly its size, so that the sanitizer guards its end */

    data = realloc(data, size ? size : 1);
    LLVMFuzzerTestOneInput(data, size);

    if (n_seeds < MAX_SEEDS) {
        seeds[n_seeds].data = data;
        seeds[n_seeds++].size = size;

    } else {
        free(data);
    }
}


static void
replay_mutate(unsigned runs)
{
    size_t    size, at;
    uint8_t  *data;
    unsigned  n, changes;

    for (n = 0; n < runs && n_seeds; n++) {
        at = replay_random(n_seeds);
        size = seeds[at].size;
        data = malloc(size + 1);
        memcpy(data, seeds[at].data, size);

        if (size && replay_random(4) == 0) {
            size = replay_random(size);
        }

        for (changes = replay_random(4); changes && size; changes--) {
            data[replay_random(size)] = (uint8_t) replay_random(256);
        }

        data = realloc(data, size ? size : 1);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
}


static uint32_t
replay_random(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;

    return state % n;
}
