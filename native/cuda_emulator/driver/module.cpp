#include "module.h"

#include <cstdlib>
#include <deque>
#include <mutex>

namespace emulator {

Handles<Module> modules;
Handles<Function> functions;

namespace {

// Texts whose entries are remembered: more modules than a backend loads.
constexpr size_t remembered = 4;

struct Read {
    std::string ptx;
    std::shared_ptr<const Entries> entries;
};

size_t skip_spaces(std::string_view text, size_t at) {
    const size_t next = text.find_first_not_of(" \t\r\n", at);
    return next == std::string_view::npos ? text.size() : next;
}

Entries read_entries(std::string_view ptx) {
    Entries entries;
    for (size_t at = ptx.find(".entry"); at != std::string_view::npos; at = ptx.find(".entry", at + 1)) {
        const size_t start = skip_spaces(ptx, at + 6), end = ptx.find_first_of(" \t\r\n(", start);
        if (end == std::string_view::npos) break;
        const size_t open = skip_spaces(ptx, end);
        if (open >= ptx.size() || ptx[open] != '(') continue;
        const size_t close = ptx.find(')', open), bracket = ptx.find('[', open);
        entries.emplace(ptx.substr(start, end - start), bracket < close ? std::strtoul(std::string(ptx.substr(bracket + 1, 20)).c_str(), nullptr, 10) : 0);
    }
    return entries;
}

}  // namespace

std::shared_ptr<const Entries> entries_of(std::string_view ptx) {
    static std::mutex lock;
    static std::deque<Read> read;
    const std::lock_guard hold(lock);
    for (const Read& before : read) {
        if (before.ptx == ptx) return before.entries;
    }
    if (read.size() == remembered) read.pop_front();
    read.push_back({std::string(ptx), std::make_shared<const Entries>(read_entries(ptx))});
    return read.back().entries;
}

}  // namespace emulator
