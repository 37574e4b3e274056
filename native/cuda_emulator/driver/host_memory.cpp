#include "host_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace emulator {

namespace {

struct Range {
    size_t bytes;
    size_t mapped;  // 0: the caller's own
    int device;     // that it was allocated on
    std::shared_ptr<const char> uses = std::make_shared<const char>('u');  // one more reference for every queued copy
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

void* allocate_pinned(size_t bytes, int device) {
    const size_t mapped = (bytes + 4095) & ~size_t{4095};
    void* pointer = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pointer == MAP_FAILED) return nullptr;
    ranges[reinterpret_cast<uintptr_t>(pointer)] = {bytes, mapped, device};
    return pointer;
}

bool free_pinned(void* pointer) { return remove(pointer, true); }

bool register_pinned(void* pointer, size_t bytes) { return ranges.try_emplace(reinterpret_cast<uintptr_t>(pointer), Range{bytes, 0, -1}).second; }

bool unregister_pinned(void* pointer) { return remove(pointer, false); }

size_t pinned_pieces(int device) {
    return static_cast<size_t>(std::count_if(ranges.begin(), ranges.end(), [=](const auto& entry) { return entry.second.device == device; }));
}

void free_all_pinned(int device) {
    std::erase_if(ranges, [=](const auto& entry) { return entry.second.device == device && munmap(reinterpret_cast<void*>(entry.first), entry.second.mapped) == 0; });
}

std::shared_ptr<const void> use_pinned(const void* pointer, size_t bytes) {
    const auto address = reinterpret_cast<uintptr_t>(pointer);
    auto it = ranges.upper_bound(address);
    if (it == ranges.begin()) return nullptr;
    --it;
    return address - it->first <= it->second.bytes && bytes <= it->second.bytes - (address - it->first) ? it->second.uses : nullptr;
}

bool copies_under_way(const void* pointer) {
    const auto it = ranges.find(reinterpret_cast<uintptr_t>(pointer));
    return it != ranges.end() && it->second.uses.use_count() > 1;
}

}  // namespace emulator
