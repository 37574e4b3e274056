// Page-locked host memory: what asynchronous copies may still be reading or writing after the call.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

namespace emulator {

void* allocate_pinned(size_t bytes, int device);
bool free_pinned(void* pointer);

// What was allocated on a device: how many pieces there are, and all of them freed.
size_t pinned_pieces(int device);
void free_all_pinned(int device);

// Marks memory of the caller's as page-locked, and undoes that.
bool register_pinned(void* pointer, size_t bytes);
bool unregister_pinned(void* pointer);

// Held by a queued copy until it is done; null where the range is not page-locked.
std::shared_ptr<const void> use_pinned(const void* pointer, size_t bytes);

// Whether a copy of the piece at this address is queued.
bool copies_under_way(const void* pointer);

}  // namespace emulator
