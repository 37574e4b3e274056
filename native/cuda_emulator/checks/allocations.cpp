#include "allocations.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

#include "../settings.h"
#include "global_memory.h"

namespace emulator {

namespace {

struct Allocation {
    size_t bytes;
    bool live;
};

struct DeviceTable {
    std::map<uintptr_t, Allocation> by_address;
    size_t live_bytes = 0;
    uintptr_t next = 0;  // offset where the search for free addresses goes on: a freed range is used again as late as can be
};

// Below this, fresh memory is filled with NaN, so that what is used unwritten shows even with checks off.
constexpr size_t poisoned_bytes = 16 << 20;

// Freed ranges that the table remembers, to tell a use after free from a wild address.
constexpr size_t remembered = 65536;

std::mutex lock;
DeviceTable tables[GlobalMemory::max_devices];

size_t spaced(size_t bytes) { return (bytes + 2 * allocation_alignment - 1) / allocation_alignment * allocation_alignment; }

int device_of(uintptr_t address) { return static_cast<int>((address - GlobalMemory::base_of(0)) / GlobalMemory::device_span); }

// Moves past live ranges and forgets freed ones in the way.
bool claim(DeviceTable& table, uintptr_t base, size_t span, uintptr_t& found) {
    for (int turn = 0; turn < 2; turn++) {
        uintptr_t at = base + table.next;
        auto it = table.by_address.upper_bound(at);
        if (it != table.by_address.begin()) {
            const auto before = std::prev(it);
            if (before->first + spaced(before->second.bytes) > at) it = before;
        }
        while (it != table.by_address.end() && it->first < at + span) {
            if (it->second.live) {
                at = it->first + spaced(it->second.bytes);
                ++it;
            } else {
                it = table.by_address.erase(it);
            }
        }
        if (at + span <= base + GlobalMemory::device_span) {
            table.next = at + span - base;
            found = at;
            return true;
        }
        table.next = 0;
    }
    return false;
}

}  // namespace

uintptr_t allocate(int device, size_t bytes) {
    const std::lock_guard hold(lock);
    DeviceTable& table = tables[device];
    uintptr_t address;
    if (!GlobalMemory::reserve() || bytes > settings.memory_bytes || table.live_bytes + bytes > settings.memory_bytes) return 0;
    if (table.next == 0 && table.by_address.empty()) table.next = allocation_alignment;
    if (table.by_address.size() >= remembered) std::erase_if(table.by_address, [](const auto& entry) { return !entry.second.live; });
    if (!claim(table, GlobalMemory::base_of(device), spaced(bytes), address)) return 0;
    table.by_address[address] = {bytes, true};
    table.live_bytes += bytes;
    GlobalMemory::mark_allocated(address, bytes);
    if (bytes <= poisoned_bytes) std::memset(reinterpret_cast<void*>(address), 0xff, bytes);
    return address;
}

bool release(uintptr_t address) {
    const std::lock_guard hold(lock);
    if (!GlobalMemory::contains(address)) return false;
    DeviceTable& table = tables[device_of(address)];
    const auto it = table.by_address.find(address);
    if (it == table.by_address.end() || !it->second.live) return false;
    it->second.live = false;
    table.live_bytes -= it->second.bytes;
    GlobalMemory::mark_freed(address, it->second.bytes);
    return true;
}

bool is_live(uintptr_t address, size_t bytes) {
    const std::lock_guard hold(lock);
    if (!GlobalMemory::contains(address)) return false;
    const DeviceTable& table = tables[device_of(address)];
    auto it = table.by_address.upper_bound(address);
    if (it == table.by_address.begin()) return false;
    --it;
    return it->second.live && address - it->first <= it->second.bytes && bytes <= it->second.bytes - (address - it->first);
}

size_t allocated_bytes(int device) {
    const std::lock_guard hold(lock);
    return tables[device].live_bytes;
}

size_t allocations(int device) {
    const std::lock_guard hold(lock);
    const auto& all = tables[device].by_address;
    return static_cast<size_t>(std::count_if(all.begin(), all.end(), [](const auto& entry) { return entry.second.live; }));
}

void release_all(int device) {
    const std::lock_guard hold(lock);
    DeviceTable& table = tables[device];
    for (const auto& [address, allocation] : table.by_address) {
        if (allocation.live) GlobalMemory::mark_freed(address, allocation.bytes);
    }
    // Addresses go on: who still holds one from before, and frees it at last, frees nobody else's memory.
    const uintptr_t next = table.next;
    table = {};
    table.next = next;
}

AllocationNote note_on(uintptr_t address) {
    const std::lock_guard hold(lock);
    const DeviceTable& table = tables[device_of(address)];
    const auto after = table.by_address.upper_bound(address);
    char text[160];
    if (after == table.by_address.begin()) return {false, "before every allocation"};
    const auto& [start, allocation] = *std::prev(after);
    const bool inside = address - start < allocation.bytes;
    std::snprintf(text, sizeof text, "%llu bytes %s %s allocation of %zu bytes at 0x%llx", static_cast<unsigned long long>(inside ? address - start : address - start - allocation.bytes),
                  inside ? "into" : "past", allocation.live ? "an" : "a freed", allocation.bytes, static_cast<unsigned long long>(start));
    return {inside && !allocation.live, text};
}

}  // namespace emulator
