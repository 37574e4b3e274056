// srv_route and srv_sort_choices of few rows, in one launch: a decoding step has a layer's weights read in some twenty microseconds, beside which a launch counts.
//
// Memory: one block; marks stay in shared memory. Bytes, operations and orders are those of the two, and so are the results.
#pragma once
#include "route.cuh"
#include "sort_choices.cuh"

struct RouteFewShared {
    RouteShared route;
    SortShared sort;
};

SRV_KERNEL(srv_route_few, srv_route_params, kRouteThreads) {
    static_assert(sizeof(RouteFewShared) <= SRV_ROUTE_FEW_SHARED, "the host is told how much shared memory this takes");
    RouteFewShared& shared = *reinterpret_cast<RouteFewShared*>(ptx::dynamic_shared());
    const int row = static_cast<int>(ptx::warp());
    const int expert = static_cast<int>(ptx::thread_index());
    const int rows = count_at(p.mixture.row_count);
    if (expert < SRV_MAX_EXPERTS) {
        shared.route.marks[expert] = 0;
    }

    ptx::barrier();
    ptx::await_producers();
    ptx::release_dependents();
    if (row < rows) {
        route_row(p, row, shared.route);
    }

    ptx::barrier();
    const int count = expert < SRV_MAX_EXPERTS ? static_cast<int>(ptx::popcount(shared.route.marks[expert])) : 0;
    int all = 0;
    const int first = block_scan(count, shared.sort.of_places, all) - count;
    if (expert < SRV_MAX_EXPERTS) {
        shared.sort.places[expert] = first;
    }

    // Where the block meets once more, so that all see the places.
    write_tiles(p.mixture, SRV_EXPERT_FEW_ROWS, first, count, shared.sort.of_tiles);
    write_places(p.mixture, 0, shared.route.marks, shared.sort.places);
}
