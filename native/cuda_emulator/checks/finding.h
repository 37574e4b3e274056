// What a check saw. The first finding of a launch makes it fail as an illegal address does on a device; all are kept for the tests to read.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace emulator {

enum class FindingKind : uint8_t {
    out_of_bounds,
    use_after_free,
    misaligned,
    uninitialised_read,
    shared_out_of_bounds,
    shared_uninitialised_read,
    shared_race,
    async_copy_not_awaited,
    product_not_awaited,
    proxy_not_fenced,
    divergent,
    endless,
    producers_not_awaited,
    trapped,
    planted,
};

const char* name_of(FindingKind kind);

struct Finding {
    FindingKind kind;
    int device;
    std::string kernel;
    uint32_t block[3];
    uint32_t thread;
    uint64_t address;
    std::string detail;

    std::string text() const;
};

// All findings since the last reset, the newest dropped past the limit: one mistake shows in thousands of threads.
class Findings {
public:
    static constexpr size_t limit = 64;

    static void add(Finding finding);
    static std::vector<Finding> of(int device);
    static void clear(int device);
};

}  // namespace emulator
