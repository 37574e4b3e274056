// Keeps the largest of a row of probabilities, by count (top_k) or by mass (top_p), without sorting: three passes of 11, 11 and 10 bits find the value at
// which the count or mass is reached (the bits of floats that are not negative are ordered as the floats are). Among equals the lowest ids are kept.
//
// Masses are whole numbers of 2^-44: sums of them are exact, so that threads may add to a bin in any order. Values are at most 1; what is below 2^-44
// weighs nothing beside the most likely token's 1.
#pragma once
#include "adjust.cuh"

constexpr int kSelectBins = 1 << 11;
constexpr float kMassUnits = 17592186044416.0f;

// Shared memory of sampling.
template <int Threads>
struct SampleScratch {
    uint32_t bins[kSelectBins][2];  // low and high words of a bin's mass
    uint64_t warp_masses[Threads / 32];
    Candidate candidates[Threads / 32];
    int warp_counts[Threads / 32];
    uint64_t found_above;
    int found_bin;
    int drawn;
    int counted;  // whether the pending token has an entry among the penalties
};

struct Selection {
    bool by_mass;

    // Not a number weighs nothing.
    SRV_DEVICE uint64_t weight(float value) const { return !by_mass ? 1 : value > 0 ? static_cast<uint64_t>(value * kMassUnits) : 0; }
};

SRV_DEVICE uint64_t shuffle_index_64(uint64_t x, uint32_t lane) {
    const uint32_t low = ptx::shuffle_index(static_cast<uint32_t>(x), lane);
    const uint32_t high = ptx::shuffle_index(static_cast<uint32_t>(x >> 32), lane);
    return static_cast<uint64_t>(high) << 32 | low;
}

// The sum over lower threads and this one, and the sum over all.
template <int Threads>
SRV_DEVICE uint64_t block_scan_64(uint64_t x, uint64_t* scratch, uint64_t& total) {
    const uint32_t lane = ptx::lane();
    for (uint32_t by = 1; by < 32; by *= 2) {
        const uint64_t lower = shuffle_index_64(x, lane >= by ? lane - by : lane);
        x += lane >= by ? lower : 0;
    }

    if (lane == 31) {
        scratch[ptx::warp()] = x;
    }

    ptx::barrier();
    uint64_t before = 0;
    total = 0;
    for (uint32_t i = 0; i < Threads / 32; i++) {
        before += i < ptx::warp() ? scratch[i] : 0;
        total += scratch[i];
    }

    ptx::barrier();
    return before + x;
}

template <int Threads>
SRV_DEVICE uint64_t total_mass(const float* values, int count, SampleScratch<Threads>& s) {
    uint64_t mass = 0;
    each_own_value<Threads>(values, count, [&](int, float value) { mass += Selection{true}.weight(value); });

    uint64_t total;
    block_scan_64<Threads>(mass, s.warp_masses, total);
    return total;
}

// Adds to a bin of two words; the carry goes up with the addition that made it.
SRV_DEVICE void add_to_bin(uint32_t (&bin)[2], uint64_t weight) {
    const uint32_t low = static_cast<uint32_t>(weight);
    const uint32_t old = ptx::atomic_add(&bin[0], low);
    const uint32_t high = static_cast<uint32_t>(weight >> 32) + (old + low < old ? 1u : 0u);
    if (high != 0) {
        ptx::atomic_add(&bin[1], high);
    }
}

// Adds up the values whose bits above this digit are the prefix's, by digit.
template <int Threads>
SRV_DEVICE void fill_bins(const float* values, int count, uint32_t prefix, int shift, int width, Selection selection, SampleScratch<Threads>& s) {
    for (int i = static_cast<int>(ptx::thread_index()); i < kSelectBins; i += Threads) {
        s.bins[i][0] = 0;
        s.bins[i][1] = 0;
    }

    ptx::barrier();
    const int upper = shift + width;
    each_own_value<Threads>(values, count, [&](int, float value) {
        const uint32_t bits = ptx::as_uint(value);
        if (value > 0 && (upper == 32 || bits >> upper == prefix >> upper)) {
            add_to_bin(s.bins[(bits >> shift) & ((1u << width) - 1)], selection.weight(value));
        }
    });
    ptx::barrier();
}

template <int Threads>
SRV_DEVICE uint64_t bin_mass(const SampleScratch<Threads>& s, int bin) { return static_cast<uint64_t>(s.bins[bin][1]) << 32 | s.bins[bin][0]; }

// The highest bin at which the sum from above reaches the target, and that sum without it; false where all of them stay below.
template <int Threads>
SRV_DEVICE bool find_crossing(uint64_t target, uint64_t& above, int& found, SampleScratch<Threads>& s) {
    constexpr int kOwn = kSelectBins / Threads;
    static_assert(kOwn * Threads == kSelectBins, "bins are shared out evenly");
    const int highest = kSelectBins - 1 - static_cast<int>(ptx::thread_index()) * kOwn;
    uint64_t own = 0;
    for (int i = 0; i < kOwn; i++) {
        own += bin_mass(s, highest - i);
    }

    uint64_t total;
    const uint64_t end = block_scan_64<Threads>(own, s.warp_masses, total) + above;
    if (total + above < target) {
        return false;
    }

    if (end - own < target && target <= end) {
        uint64_t sum = end - own;
        int bin = highest;
        for (; sum + bin_mass(s, bin) < target; bin--) {
            sum += bin_mass(s, bin);
        }

        s.found_above = sum;
        s.found_bin = bin;
    }

    ptx::barrier();
    above = s.found_above;
    found = s.found_bin;
    return true;
}

// Zeroes all but the first `kept` values that equal the threshold, and what is below it.
template <int Threads>
SRV_DEVICE void zero_behind(float* values, int count, float threshold, uint64_t kept, SampleScratch<Threads>& s) {
    uint64_t before = 0;
    for (int first = 0; first < count; first += kSampleStep<Threads>) {
        const int id = first + first_own_value();
        const Float4 own = load_values_at(values, id, count);
        int equals = 0;
        for (int i = 0; i < 4; i++) {
            equals += id + i < count && own.v[i] == threshold ? 1 : 0;
        }

        int total;
        uint64_t rank = before + static_cast<uint64_t>(block_scan(equals, s.warp_counts, total) - equals);
        ptx::barrier();
        for (int i = 0; i < 4 && id + i < count; i++) {
            const bool equal = own.v[i] == threshold;
            if (own.v[i] < threshold || (equal && rank >= kept)) {
                values[id + i] = 0;
            }

            rank += equal ? 1 : 0;
        }

        before += static_cast<uint64_t>(total);
    }
}

// Zeroes what is below the threshold, and all but the first `kept` of the `equals` that equal it.
template <int Threads>
SRV_DEVICE void zero_below(float* values, int count, float threshold, uint64_t kept, uint64_t equals, SampleScratch<Threads>& s) {
    if (kept < equals) {
        zero_behind(values, count, threshold, kept, s);
        return;
    }

    each_own_value<Threads>(values, count, [&](int id, float value) {
        if (value < threshold) {
            values[id] = 0;
        }
    });
}

// Zeroes all but the largest values: `target` of them, or those whose mass reaches it, the one that crosses it included.
template <int Threads>
SRV_DEVICE void keep_largest(float* values, int count, uint64_t target, bool by_mass, SampleScratch<Threads>& s) {
    const Selection selection{by_mass};
    uint32_t prefix = 0;
    uint64_t above = 0;
    int bin = 0;
    for (int pass = 0; pass < 3; pass++) {
        const int shift = pass == 0 ? 21 : pass == 1 ? 10 : 0;
        fill_bins(values, count, prefix, shift, pass == 2 ? 10 : 11, selection, s);
        if (!find_crossing(target, above, bin, s)) {
            return;
        }

        prefix |= static_cast<uint32_t>(bin) << shift;
    }

    // Every value of the last bin is the threshold; the bin was reached, so that one of them weighs something.
    const float threshold = ptx::as_float(prefix);
    const uint64_t weight = selection.weight(threshold);
    const uint64_t kept = (target - above + weight - 1) / weight;
    const uint64_t equals = bin_mass(s, bin) / weight;
    zero_below(values, count, threshold, kept, equals, s);
}
