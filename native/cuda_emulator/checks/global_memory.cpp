#include "global_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace emulator {

uintptr_t GlobalMemory::base = 0;
uint8_t* GlobalMemory::allocated_bits = nullptr;
uint8_t* GlobalMemory::written_bits = nullptr;
uint32_t* GlobalMemory::stamps = nullptr;

namespace {

uint8_t* reserve_addresses(size_t bytes) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<uint8_t*>(memory);
}

bool bit(const uint8_t* bits, uintptr_t offset) { return bits[offset / 8] >> (offset % 8) & 1; }

// Calls single(byte, mask) for the ragged ends of a range of bits and whole(first byte, count) for what lies between.
template <class Single, class Whole>
void walk(uintptr_t offset, size_t bytes, Single single, Whole whole) {
    const uintptr_t end = offset + bytes;
    if (offset % 8 != 0) {
        const uintptr_t stop = std::min(end, (offset | 7) + 1);
        single(offset / 8, static_cast<uint8_t>(((1u << (stop - offset)) - 1) << (offset % 8)));
        offset = stop;
    }
    if (end / 8 > offset / 8) {
        whole(offset / 8, end / 8 - offset / 8);
        offset = end & ~uintptr_t{7};
    }
    if (offset < end) single(offset / 8, static_cast<uint8_t>((1u << (end - offset)) - 1));
}

// Zeros a range and gives the pages back that hold nothing else: addresses are hardly ever handed out twice, and what is kept of all of them would add up over a run of tests.
void zero(void* from, size_t bytes) {
    constexpr uintptr_t page = 4096;
    const uintptr_t begin = reinterpret_cast<uintptr_t>(from), end = begin + bytes;
    const uintptr_t first = (begin + page - 1) / page * page, last = end / page * page;
    if (first >= last) {
        std::memset(from, 0, bytes);
        return;
    }
    std::memset(from, 0, first - begin);
    madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
    std::memset(reinterpret_cast<void*>(last), 0, end - last);
}

}  // namespace

bool GlobalMemory::reserve() {
    if (base != 0) return true;
    const size_t bytes = max_devices * device_span;
    uint8_t* memory = reserve_addresses(bytes);
    allocated_bits = reserve_addresses(bytes / 8);
    written_bits = reserve_addresses(bytes / 8);
    stamps = reinterpret_cast<uint32_t*>(reserve_addresses(bytes / stamped * sizeof(uint32_t)));
    if (!memory || !allocated_bits || !written_bits || !stamps) return false;
    base = reinterpret_cast<uintptr_t>(memory);
    return true;
}

void GlobalMemory::mark_freed(uintptr_t address, size_t bytes) {
    clear(allocated_bits, address - base, bytes);
    clear(written_bits, address - base, bytes);
    zero(reinterpret_cast<void*>(address), bytes);
    const uintptr_t first = (address - base + stamped - 1) / stamped, last = (address - base + bytes) / stamped;
    if (first < last) zero(stamps + first, (last - first) * sizeof(uint32_t));
}

void GlobalMemory::copy_written(uintptr_t to, uintptr_t from, size_t bytes) {
    if (written(from, bytes)) {
        mark_written(to, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (bit(written_bits, from - base + i)) {
            set(written_bits, to - base + i, 1);
        } else {
            clear(written_bits, to - base + i, 1);
        }
    }
}

uintptr_t GlobalMemory::first_not_allocated(uintptr_t address, size_t bytes) {
    while (bytes > 0 && bit(allocated_bits, address - base)) address++, bytes--;
    return address;
}

uintptr_t GlobalMemory::first_unwritten(uintptr_t address, size_t bytes) {
    while (bytes > 0 && bit(written_bits, address - base)) address++, bytes--;
    return address;
}

bool GlobalMemory::all_set_long(const uint8_t* bits, uintptr_t offset, size_t bytes) {
    bool all = true;
    walk(
        offset, bytes, [&](uintptr_t byte, uint8_t mask) { all = all && (bits[byte] & mask) == mask; },
        [&](uintptr_t first, size_t count) {
            while (count > 0 && first % 8 != 0) all = all && bits[first] == 0xff, first++, count--;
            for (; count >= 8; first += 8, count -= 8) {
                uint64_t word;
                std::memcpy(&word, bits + first, 8);
                if (word != ~uint64_t{0}) {
                    all = false;
                    return;
                }
            }
            while (count > 0) all = all && bits[first] == 0xff, first++, count--;
        });
    return all;
}

void GlobalMemory::set_long(uint8_t* bits, uintptr_t offset, size_t bytes) {
    walk(
        offset, bytes, [&](uintptr_t byte, uint8_t mask) { __atomic_fetch_or(bits + byte, mask, __ATOMIC_RELAXED); },
        [&](uintptr_t first, size_t count) { std::memset(bits + first, 0xff, count); });
}

void GlobalMemory::clear(uint8_t* bits, uintptr_t offset, size_t bytes) {
    walk(
        offset, bytes, [&](uintptr_t byte, uint8_t mask) { __atomic_fetch_and(bits + byte, static_cast<uint8_t>(~mask), __ATOMIC_RELAXED); },
        [&](uintptr_t first, size_t count) { zero(bits + first, count); });
}

}  // namespace emulator
