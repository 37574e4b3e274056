// The first so many values of a row, in one pass: every warp keeps those of its part of the row across its lanes, then one warp takes the lists together.
//
// Bytes: 4 per value. Operations: a comparison and a vote for 32 values; about 20 for each value that enters a list, of which there are some k ln(values / k).
// Higher values first, lower ids first among equals: the order in which values are offered changes nothing.
#pragma once
#include "select.cuh"

// A list of up to 32: lane i holds the i-th.
struct WarpList {
    Candidate own;
    Candidate last;  // of those that are wanted, in every lane
    int wanted;
};

SRV_DEVICE Candidate candidate_of(const Candidate& own, uint32_t lane) { return {ptx::shuffle_index(own.value, lane), ptx::shuffle_index(own.id, lane)}; }

// Takes every lane's candidate that comes before the last. Not a number comes before nothing.
SRV_DEVICE void offer(WarpList& list, Candidate candidate) {
    const uint32_t lane = ptx::lane();
    for (uint32_t better = ptx::ballot(comes_before(candidate, list.last)); better != 0; better = ptx::ballot(comes_before(candidate, list.last))) {
        const uint32_t from = 31 - ptx::leading_zeros(better & (~better + 1));
        const Candidate next = candidate_of(candidate, from);
        const uint32_t place = ptx::popcount(ptx::ballot(comes_before(list.own, next)));
        const Candidate upper = candidate_of(list.own, lane == 0 ? 0 : lane - 1);
        list.own = lane < place ? list.own : lane == place ? next : upper;
        list.last = candidate_of(list.own, static_cast<uint32_t>(list.wanted - 1));
        candidate = lane == from ? kNoCandidate : candidate;
    }
}

// Lane i of warp 0 gets the i-th of all values, as far as they are wanted (1 to 32); kNoCandidate where there are not so many. The lists lie where the bins do.
template <int Threads>
SRV_DEVICE WarpList first_values(const float* values, int count, int wanted, SampleScratch<Threads>& s) {
    Candidate(*lists)[32] = reinterpret_cast<Candidate(*)[32]>(s.bins);
    static_assert(sizeof(s.bins) >= Threads * sizeof(Candidate), "a list per warp");
    const int lane = static_cast<int>(ptx::lane());
    WarpList list = {kNoCandidate, kNoCandidate, wanted};
    for (int first = static_cast<int>(ptx::warp()) * 32; first < count; first += kSampleAhead * Threads) {
        Candidate ahead[kSampleAhead];
        SRV_UNROLL
        for (int i = 0; i < kSampleAhead; i++) {
            const int id = first + i * Threads + lane;
            ahead[i] = id < count ? Candidate{values[id], id} : kNoCandidate;
        }

        SRV_UNROLL
        for (int i = 0; i < kSampleAhead; i++) {
            offer(list, ahead[i]);
        }
    }

    lists[ptx::warp()][lane] = list.own;
    ptx::barrier();
    for (int warp = 1; ptx::warp() == 0 && warp < Threads / 32; warp++) {
        offer(list, lane < wanted ? lists[warp][lane] : kNoCandidate);
    }

    return list;
}
