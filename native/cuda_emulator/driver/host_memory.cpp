#include "host_memory.h"

#include <sys/mman.h>

#include <cstring>
#include <map>

namespace emulator {

namespace {

struct Range {
    size_t bytes;
    size_t mapped;  // 0: the caller's own
};

// Guarded by the driver's lock.
std::map<uintptr_t, Range> ranges;

bool remove(void* pointer, bool own) {
    const auto it = ranges.find(reinterpret_cast<uintptr_t>(pointer));
    if (it == ranges.end() || (it->second.mapped != 0) != own) return false;
    if (own) munmap(pointer, it->second.mapped);
    ranges.erase(it);
    return true;
}

}  // namespace

void* allocate_pinned(size_t bytes) {
    const size_t mapped = (bytes + 4095) & ~size_t{4095};
    void* pointer = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pointer == MAP_FAILED) return nullptr;
    ranges[reinterpret_cast<uintptr_t>(pointer)] = {bytes, mapped};
    return pointer;
}

bool free_pinned(void* pointer) { return remove(pointer, true); }

bool register_pinned(void* pointer, size_t bytes) { return ranges.try_emplace(reinterpret_cast<uintptr_t>(pointer), Range{bytes, 0}).second; }

bool unregister_pinned(void* pointer) { return remove(pointer, false); }

bool is_pinned(const void* pointer, size_t bytes) {
    const auto address = reinterpret_cast<uintptr_t>(pointer);
    auto it = ranges.upper_bound(address);
    if (it == ranges.begin()) return false;
    --it;
    return address - it->first <= it->second.bytes && bytes <= it->second.bytes - (address - it->first);
}

}  // namespace emulator
