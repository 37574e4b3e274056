#include "module.h"

#include <cstdlib>

namespace emulator {

Handles<Module> modules;
Handles<Function> functions;

namespace {

size_t skip_spaces(const std::string& text, size_t at) {
    const size_t next = text.find_first_not_of(" \t\r\n", at);
    return next == std::string::npos ? text.size() : next;
}

}  // namespace

long entry_params_bytes(const std::string& ptx, const std::string& name) {
    for (size_t at = ptx.find(".entry"); at != std::string::npos; at = ptx.find(".entry", at + 1)) {
        const size_t start = skip_spaces(ptx, at + 6);
        if (ptx.compare(start, name.size(), name) != 0) continue;
        const size_t open = skip_spaces(ptx, start + name.size());
        if (open >= ptx.size() || ptx[open] != '(') continue;
        const size_t close = ptx.find(')', open), bracket = ptx.find('[', open);
        return bracket < close ? std::strtol(ptx.c_str() + bracket + 1, nullptr, 10) : 0;
    }
    return -1;
}

}  // namespace emulator
