#include "memory.h"

#include <sys/mman.h>

namespace serving {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

Region take_region(size_t bytes) {
    Region region;
    const size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    if (rounded < bytes || rounded > SIZE_MAX - kHugePage) {
        return region;
    }

    // One huge page more than asked for, so that an aligned range is inside; what sticks out is given back.
    const size_t reserved = rounded + kHugePage;
    void* raw = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) {
        return region;
    }

    const auto start = reinterpret_cast<uintptr_t>(raw);
    const uintptr_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
    if (aligned > start) {
        munmap(raw, aligned - start);
    }

    const uintptr_t end = aligned + rounded;
    if (start + reserved > end) {
        munmap(reinterpret_cast<void*>(end), start + reserved - end);
    }

    region.data = reinterpret_cast<uint8_t*>(aligned);
    region.bytes = rounded;
    madvise(region.data, rounded, MADV_HUGEPAGE);
    return region;
}

void give_region(Region& region) {
    if (region.data != nullptr) {
        munmap(region.data, region.bytes);
    }

    region = Region{};
}

}  // namespace serving
