// How sampling walks a row of values: a thread owns four neighbours in every four of each thread, the same ones in every pass, so that a value that only its owner
// has touched needs no barrier. Threads is a block's: no bit of a row depends on it.
//
// Memory: a row is half a megabyte, read by one multiprocessor; what it takes is waiting. 16 bytes per thread and load, four loads before the first value is
// used: 64 KiB in flight.
#pragma once
#include "../common/memory.cuh"

constexpr int kSampleThreads = 1024;
constexpr int kSmallSampleThreads = 128;  // for vocabularies of a few thousand, most of whose 1,024 threads would own nothing and be waited for at every barrier
constexpr int kSampleAhead = 4;           // fours that are asked for together

// Values between a thread's fours.
template <int Threads>
constexpr int kSampleStep = 4 * Threads;

SRV_DEVICE int first_own_value() { return static_cast<int>(ptx::thread_index()) * 4; }

template <int Threads>
SRV_DEVICE bool owns_value(int id) { return id / 4 % Threads == static_cast<int>(ptx::thread_index()); }

// Four values from id on; zeros behind the row's end. Rows begin at multiples of 16 bytes.
SRV_DEVICE Float4 load_values_at(const float* values, int id, int count) {
    if (id + 4 <= count) {
        return load_floats(values + id);
    }

    Float4 four;
    SRV_UNROLL
    for (int i = 0; i < 4; i++) {
        four.v[i] = id + i < count ? values[id + i] : 0.0f;
    }

    return four;
}

// use(id, value) for every value that the thread owns, in ascending order; it may write that value, and no other.
template <int Threads, typename Use>
SRV_DEVICE void each_own_value(const float* values, int count, const Use& use) {
    for (int first = first_own_value(); first < count; first += kSampleAhead * kSampleStep<Threads>) {
        Float4 fours[kSampleAhead];
        SRV_UNROLL
        for (int i = 0; i < kSampleAhead; i++) {
            fours[i] = load_values_at(values, first + i * kSampleStep<Threads>, count);
        }

        SRV_UNROLL
        for (int i = 0; i < kSampleAhead; i++) {
            SRV_UNROLL
            for (int j = 0; j < 4; j++) {
                const int id = first + i * kSampleStep<Threads> + j;
                if (id < count) {
                    use(id, fours[i].v[j]);
                }
            }
        }
    }
}
