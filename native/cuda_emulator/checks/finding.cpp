#include "finding.h"

#include <algorithm>
#include <cstdio>
#include <mutex>

namespace emulator {

namespace {

std::mutex lock;
std::vector<Finding> all;

}  // namespace

const char* name_of(FindingKind kind) {
    switch (kind) {
        case FindingKind::out_of_bounds: return "out of bounds";
        case FindingKind::use_after_free: return "use after free";
        case FindingKind::misaligned: return "misaligned";
        case FindingKind::uninitialised_read: return "uninitialised read";
        case FindingKind::shared_out_of_bounds: return "shared memory out of bounds";
        case FindingKind::shared_uninitialised_read: return "uninitialised read of shared memory";
        case FindingKind::shared_race: return "race on shared memory";
        case FindingKind::async_copy_not_awaited: return "asynchronous copy not awaited";
        case FindingKind::product_not_awaited: return "product not awaited";
        case FindingKind::proxy_not_fenced: return "no fence between the proxies";
        case FindingKind::divergent: return "divergent meeting";
        case FindingKind::endless: return "does not end";
        case FindingKind::producers_not_awaited: return "producers not awaited";
        case FindingKind::trapped: return "trapped";
        case FindingKind::planted: return "planted";
    }
    return "unknown";
}

std::string Finding::text() const {
    char where[160];
    std::snprintf(where, sizeof where, "device %d, block (%u, %u, %u), thread %u, address 0x%llx", device, block[0], block[1], block[2], thread,
                  static_cast<unsigned long long>(address));
    return std::string(name_of(kind)) + ": " + kernel + ", " + where + ": " + detail;
}

void Findings::add(Finding finding) {
    const std::lock_guard hold(lock);
    if (all.size() < limit) all.push_back(std::move(finding));
}

std::vector<Finding> Findings::of(int device) {
    const std::lock_guard hold(lock);
    std::vector<Finding> found;
    std::copy_if(all.begin(), all.end(), std::back_inserter(found), [=](const Finding& f) { return device < 0 || f.device == device; });
    return found;
}

void Findings::clear(int device) {
    const std::lock_guard hold(lock);
    std::erase_if(all, [=](const Finding& f) { return device < 0 || f.device == device; });
}

}  // namespace emulator
