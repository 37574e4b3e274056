// Places of choices, by expert and then by row, and the tiles of places that go through one expert.
//
// Memory: a thread is an expert: it counts the bits of its words, and a scan over the block gives its first place. Every block does so for all rows and then gives places to 32 of them, so
// that one launch does and nothing waits for another block; the first also makes the tiles.
// Bytes: ⅛ per row and expert read by each block, from L2; 4 read and 8 written per choice. Operations: a count per word, two scans.
// Order: everything is a count; no place depends on what comes first.
#pragma once
#include "../common/reduce.cuh"
#include "choices.cuh"

constexpr int kSortThreads = SRV_MAX_EXPERTS;

struct SortShared {
    int places[SRV_MAX_EXPERTS];  // of an expert's first choice among the block's rows
    int of_places[32];            // sums of the warps
    int of_tiles[32];
};

// An expert's choices, and those of them in groups of rows before one.
struct ExpertCount {
    int all, before;
};

SRV_DEVICE ExpertCount count_choices(const srv_mixture& mixture, int group) {
    const int expert = static_cast<int>(ptx::thread_index());
    ExpertCount count = {0, 0};
    const int groups = expert < mixture.expert_count ? route_groups(mixture) : 0;
    for (int i = 0; i < groups; i++) {
        const int marked = static_cast<int>(ptx::popcount(marks_of(mixture, i)[expert]));
        count.all += marked;
        count.before += i < group ? marked : 0;
    }

    return count;
}

// The tiles of a thread's expert, behind those of the experts before it; the whole block comes here, and meets.
SRV_DEVICE void write_tiles(const srv_mixture& mixture, int tile_places, int first_place, int count, int (&scratch)[32]) {
    const int tiles = ceil_div(count, tile_places);
    int all = 0;
    const int end = block_scan(tiles, scratch, all);
    srv_expert_tile* to = at<srv_expert_tile>(mixture.tiles) + (end - tiles);
    for (int i = 0; i < tiles; i++) {
        const int within = i * tile_places;
        to[i] = {static_cast<int>(ptx::thread_index()), first_place + within, smaller(tile_places, count - within), 0};
    }

    if (ptx::thread_index() == 0) {
        *at<int>(mixture.tile_count) = all;
    }
}

// Places of the choices of a group's rows, a choice per thread and step.
SRV_DEVICE void write_places(const srv_mixture& mixture, int group, const uint32_t* marks, const int (&places)[SRV_MAX_EXPERTS]) {
    const int first = group * SRV_ROUTE_ROWS * mixture.choice_count;
    const int end = smaller(first + SRV_ROUTE_ROWS * mixture.choice_count, choices_of(mixture));
    for (int choice = first + static_cast<int>(ptx::thread_index()); choice < end; choice += static_cast<int>(ptx::block_size())) {
        const int row = choice / mixture.choice_count;
        const int expert = at<const int>(mixture.experts)[choice];
        const uint32_t below = marks[expert] & ((1u << row % SRV_ROUTE_ROWS) - 1);
        const int place = places[expert] + static_cast<int>(ptx::popcount(below));
        at<int>(mixture.places)[choice] = place;
        at<int>(mixture.rows)[place] = row;
    }
}

SRV_KERNEL(srv_sort_choices, srv_sort_params, kSortThreads) {
    static_assert(sizeof(SortShared) <= SRV_SORT_SHARED, "the host is told how much shared memory this takes");
    SortShared& shared = *reinterpret_cast<SortShared*>(ptx::dynamic_shared());
    for (int group = static_cast<int>(ptx::block_index()); group < route_groups(p.mixture); group += static_cast<int>(ptx::block_count())) {
        const ExpertCount count = count_choices(p.mixture, group);
        int all = 0;
        const int first = block_scan(count.all, shared.of_places, all) - count.all;
        if (group == 0) {
            write_tiles(p.mixture, p.tile_places, first, count.all, shared.of_tiles);
        }

        shared.places[ptx::thread_index()] = first + count.before;
        ptx::barrier();
        write_places(p.mixture, group, marks_of(p.mixture, group), shared.places);
    }
}
