// cuMem*: allocation, copies, filling.
#include <cstring>
#include <vector>

#include "../checks/allocations.h"
#include "../checks/finding.h"
#include "../checks/global_memory.h"
#include "context.h"
#include "host_memory.h"

using namespace emulator;

namespace {

void* at(uint64_t address) { return reinterpret_cast<void*>(address); }

// A graph may be launched after the memory of its copies has been freed.
Result lost(int device, const char* operation, uint64_t address) {
    Findings::add({FindingKind::use_after_free, device, operation, {0, 0, 0}, 0, address, note_on(address).text});
    return Result::illegal_address;
}

template <class Body>
Operations on_live(DeviceContext& context, const char* operation, uint64_t address, size_t bytes, Body body) {
    return [=, device = context.device] {
        if (!is_live(address, bytes)) return lost(device, operation, address);
        body();
        return Result::success;
    };
}

Result fill(uint64_t address, std::vector<uint8_t> pattern, size_t count, Stream* handle) {
    return take_on(handle, [&](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        const size_t bytes = pattern.size() * count;
        if (address % pattern.size() != 0 || !is_live(address, bytes)) return Result::invalid_value;
        return submit(stream, on_live(context, "cuMemset", address, bytes, [=] {
                          if (pattern.size() == 1) std::memset(at(address), pattern[0], bytes);
                          for (size_t i = 0; pattern.size() > 1 && i < bytes; i += pattern.size()) std::memcpy(at(address + i), pattern.data(), pattern.size());
                          GlobalMemory::mark_written(address, bytes);
                      }));
    });
}

Result copy_to_device(uint64_t to, const void* from, size_t bytes, Stream* handle) {
    return take_on(handle, [&](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        if (bytes == 0) return Result::success;
        if (!from || !is_live(to, bytes)) return Result::invalid_value;
        // Pinned memory is read when the copy runs, other memory before the call returns; a graph reads either when it is launched.
        std::shared_ptr<std::vector<uint8_t>> staged;
        const auto use = stream->capture ? nullptr : use_pinned(from, bytes);
        if (!use && !stream->capture) staged = std::make_shared<std::vector<uint8_t>>(static_cast<const uint8_t*>(from), static_cast<const uint8_t*>(from) + bytes);
        return submit(stream, on_live(context, "cuMemcpyHtoD", to, bytes, [=, in_use = use] {
                          std::memcpy(at(to), staged ? staged->data() : from, bytes);
                          GlobalMemory::mark_written(to, bytes);
                      }));
    });
}

Result copy_to_host(void* to, uint64_t from, size_t bytes, Stream* handle) {
    return take_on(handle, [&](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        if (bytes == 0) return Result::success;
        if (!to || !is_live(from, bytes)) return Result::invalid_value;
        const auto use = stream->capture ? nullptr : use_pinned(to, bytes);
        const Result result = submit(stream, on_live(context, "cuMemcpyDtoH", from, bytes, [=, in_use = use] { std::memcpy(to, at(from), bytes); }));
        if (result != Result::success || stream->capture || use) return result;
        complete_all(stream);
        return context.error;
    });
}

Result copy_within(uint64_t to, uint64_t from, size_t bytes, Stream* handle) {
    return take_on(handle, [&](DeviceContext& context, const std::shared_ptr<Stream>& stream) {
        if (bytes == 0) return Result::success;
        if (!is_live(to, bytes) || !is_live(from, bytes)) return Result::invalid_value;
        return submit(stream, on_live(context, "cuMemcpyDtoD", to, bytes, [=] {
                          std::memmove(at(to), at(from), bytes);
                          GlobalMemory::copy_written(to, from, bytes);
                      }));
    });
}

Result complete_default(Result submitted) {
    if (submitted != Result::success) return submitted;
    return call([](DeviceContext& context) {
        complete_all(context.default_stream);
        return context.error;
    });
}

}  // namespace

SRV_EXPORT Result cuMemAlloc_v2(uint64_t* address, size_t bytes) {
    return take([&](DeviceContext& context) {
        if (!address || bytes == 0) return Result::invalid_value;
        if (const Result forbidden = context.forbidden_by_capture(); forbidden != Result::success) return forbidden;
        *address = allocate(context.device, bytes);
        return *address ? Result::success : Result::out_of_memory;
    });
}

SRV_EXPORT Result cuMemFree_v2(uint64_t address) {
    return call([&](DeviceContext& context) {
        if (address == 0) return Result::success;
        if (const Result forbidden = context.forbidden_by_capture(); forbidden != Result::success) return forbidden;
        context.complete_everything();
        return release(address) ? context.error : Result::invalid_value;
    });
}

SRV_EXPORT Result cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags) {
    return take([&](DeviceContext& context) {
        if (!pointer || bytes == 0 || flags > 7) return Result::invalid_value;
        if (const Result forbidden = context.forbidden_by_capture(); forbidden != Result::success) return forbidden;
        *pointer = allocate_pinned(bytes, context.device);
        return *pointer ? Result::success : Result::out_of_memory;
    });
}

SRV_EXPORT Result cuMemFreeHost(void* pointer) {
    return call([&](DeviceContext& context) {
        if (const Result forbidden = context.forbidden_by_capture(); forbidden != Result::success) return forbidden;
        if (copies_under_way(pointer)) {
            // A driver that waits here does it without having said so.
            Findings::add({FindingKind::use_after_free, context.device, "cuMemFreeHost", {0, 0, 0}, 0, reinterpret_cast<uint64_t>(pointer), "a copy of this memory is still queued"});
        }
        context.complete_everything();
        return free_pinned(pointer) ? context.error : Result::invalid_value;
    });
}

SRV_EXPORT Result cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned) {
    return call([&](DeviceContext&) { return pointer && bytes > 0 && register_pinned(pointer, bytes) ? Result::success : Result::invalid_value; });
}

SRV_EXPORT Result cuMemHostUnregister(void* pointer) {
    return call([&](DeviceContext& context) {
        context.complete_everything();
        return unregister_pinned(pointer) ? context.error : Result::invalid_value;
    });
}

SRV_EXPORT Result cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, Stream* stream) { return copy_to_device(to, from, bytes, stream); }
SRV_EXPORT Result cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, Stream* stream) { return copy_to_host(to, from, bytes, stream); }
SRV_EXPORT Result cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, Stream* stream) { return copy_within(to, from, bytes, stream); }
SRV_EXPORT Result cuMemcpyHtoD_v2(uint64_t to, const void* from, size_t bytes) { return complete_default(copy_to_device(to, from, bytes, nullptr)); }
SRV_EXPORT Result cuMemcpyDtoH_v2(void* to, uint64_t from, size_t bytes) { return complete_default(copy_to_host(to, from, bytes, nullptr)); }
SRV_EXPORT Result cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t bytes) { return copy_within(to, from, bytes, nullptr); }

SRV_EXPORT Result cuMemsetD8Async(uint64_t address, uint8_t value, size_t bytes, Stream* stream) { return fill(address, {value}, bytes, stream); }

SRV_EXPORT Result cuMemsetD32Async(uint64_t address, uint32_t value, size_t count, Stream* stream) {
    std::vector<uint8_t> pattern(4);
    std::memcpy(pattern.data(), &value, 4);
    return fill(address, std::move(pattern), count, stream);
}
