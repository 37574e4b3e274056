// cublasLt*: the part that multiplies bf16 or fp32 column-major matrices on a stream. What is not done is refused with NOT_SUPPORTED.
#include <cstring>
#include <vector>

#include "../checks/allocations.h"
#include "../checks/finding.h"
#include "../checks/global_memory.h"
#include "../driver/context.h"
#include "../settings.h"
#include "gemm.h"

using namespace emulator;

namespace {

// cublasStatus_t
enum Status : int { ok = 0, not_initialized = 1, alloc_failed = 3, invalid_value = 7, execution_failed = 13, not_supported = 15 };

struct Library {};

struct Description {
    int compute, scale, pointer_mode = 0, transpose_a = 0, transpose_b = 0, epilogue = 1;
};

struct Layout {
    int type, order = 0;
    uint64_t rows, columns;
    int64_t stride;
    int batches = 1;
    int64_t batch_offset = 0;  // elements from one matrix of a batch to the next
};

struct Preference {
    uint64_t workspace = 0;
    uint32_t reductions = ~0u;
};

// cublasLtMatmulAlgo_t: 64 bytes that are ours.
struct Algorithm {
    uint64_t tag;
    uint32_t id;
    uint32_t splits;
    uint64_t unused[6];
};

struct Heuristic {
    Algorithm algorithm;
    size_t workspace;
    Status state;
    float waves;
    int reserved[4];
};

static_assert(sizeof(Algorithm) == 64 && sizeof(Heuristic) == 96);

constexpr uint64_t algorithm_tag = 0x54414c5355424353ull;
constexpr int compute_32f = 68;
constexpr int default_epilogue = 1;

// Algorithms by their ids, in the order that the heuristic prefers them in. As real heuristics do, few rows over a long sum are split, unless the caller forbids
// reductions. The others do the same product.
constexpr uint32_t split_algorithm = 2, algorithms[] = {split_algorithm, 1, 3};
constexpr uint64_t split_columns = 16, split_length = 256;

Handles<Library> libraries;
Handles<Description> descriptions;
Handles<Layout> layouts;
Handles<Preference> preferences;

template <class T>
Status create(Handles<T>& table, T** handle, T value) {
    const std::lock_guard hold(driver_lock);
    if (!handle) return invalid_value;
    if (current_context && current_context->refused() != Result::success) return alloc_failed;
    *handle = table.add(std::make_shared<T>(value));
    return ok;
}

template <class T>
Status destroy(Handles<T>& table, T* handle) {
    const std::lock_guard hold(driver_lock);
    return table.remove(handle) ? ok : invalid_value;
}

template <class T>
Status assign(T& field, const void* value, size_t bytes) {
    if (bytes != sizeof(T)) return invalid_value;
    std::memcpy(&field, value, bytes);
    return ok;
}

Element element_of(const Layout& layout) { return static_cast<Element>(layout.type); }

bool known(const Layout& layout) { return (layout.type == 0 || layout.type == 14) && layout.order == 0 && layout.batches >= 1; }

// Whether the shapes fit each other, and this library does that product.
Status fits(const Description& description, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
    if (!known(a) || !known(b) || !known(c) || !known(d)) return not_supported;
    if (description.compute != compute_32f || description.scale != 0 || description.pointer_mode != 0 || description.epilogue != default_epilogue) return not_supported;
    if (a.batches != b.batches || a.batches != c.batches || a.batches != d.batches) return invalid_value;
    if (a.type != b.type || c.type != d.type) return not_supported;
    const uint64_t m = description.transpose_a ? a.columns : a.rows, k = description.transpose_a ? a.rows : a.columns;
    const uint64_t n = description.transpose_b ? b.rows : b.columns, other_k = description.transpose_b ? b.columns : b.rows;
    const bool strides = a.stride >= static_cast<int64_t>(a.rows) && b.stride >= static_cast<int64_t>(b.rows) && c.stride >= static_cast<int64_t>(c.rows) &&
                         d.stride >= static_cast<int64_t>(d.rows);
    return k == other_k && d.rows == m && d.columns == n && c.rows == m && c.columns == n && strides && m && n && k ? ok : invalid_value;
}

// Tests have an algorithm refuse some sizes (srv_emulator_refuse_products), as real ones have limits of their own.
bool refuses(uint32_t algorithm, const Layout& d) {
    const uint32_t refusing = settings.refusing_algorithm;
    return (refusing == 0 || refusing == algorithm) && d.columns >= settings.refused_first && d.columns <= settings.refused_last;
}

bool wants_splits(const Layout& a, const Layout& d, const Description& description, const Preference& preference) {
    const uint64_t k = description.transpose_a ? a.rows : a.columns;
    return preference.reductions != 0 && preference.workspace > 0 && d.columns <= split_columns && k >= split_length;
}

uint64_t workspace_of(uint32_t splits, const Layout& d) { return splits > 1 ? 4 * splits * d.rows * d.columns : 0; }

// Null when every element may be touched; otherwise what is wrong.
const char* trouble(const Matrix& matrix, bool read, uint64_t& address) {
    const size_t size = bytes_of(matrix.element), column_bytes = matrix.rows * size;
    for (uint64_t j = 0; j < matrix.columns; j++) {
        address = matrix.address + j * static_cast<uint64_t>(matrix.stride) * size;
        if (!GlobalMemory::contains(address) || !GlobalMemory::allocated(address, column_bytes)) return "a matrix outside device memory";
        if (read && !GlobalMemory::written(address, column_bytes)) return "a matrix that nobody has written";
    }
    return nullptr;
}

Result execute(const Gemm& gemm, int device, uint32_t launch) {
    uint64_t address = 0;
    const char* what = trouble(gemm.a, true, address);
    if (!what) what = trouble(gemm.b, true, address);
    if (!what && gemm.beta != 0.0f) what = trouble(gemm.c, true, address);
    if (!what) what = trouble(gemm.d, false, address);
    if (what) {
        const bool unwritten = std::strstr(what, "written") != nullptr;
        Findings::add({unwritten ? FindingKind::uninitialised_read : FindingKind::out_of_bounds, device, "cublasLtMatmul", {0, 0, 0}, 0, address, what});
        return Result::illegal_address;
    }
    multiply(gemm);
    const size_t size = bytes_of(gemm.d.element);
    for (uint64_t j = 0; j < gemm.d.columns; j++) {
        const uint64_t column = gemm.d.address + j * static_cast<uint64_t>(gemm.d.stride) * size;
        GlobalMemory::mark_written(column, gemm.d.rows * size);
        GlobalMemory::stamp(column, gemm.d.rows * size, launch);
    }
    return Result::success;
}

Matrix matrix(uint64_t address, const Layout& layout, int batch) {
    return {address + static_cast<uint64_t>(batch * layout.batch_offset) * bytes_of(element_of(layout)), element_of(layout), layout.rows, layout.columns, layout.stride};
}

bool aligned(uint64_t address, const Layout& layout) { return address != 0 && address % bytes_of(element_of(layout)) == 0; }

}  // namespace

size_t emulator::products_held() { return libraries.size() + descriptions.size() + layouts.size() + preferences.size(); }

SRV_EXPORT Status cublasLtCreate(Library** handle) {
    const std::lock_guard hold(driver_lock);
    if (!initialized || !current_context) return not_initialized;
    return create(libraries, handle, {});
}

SRV_EXPORT Status cublasLtDestroy(Library* handle) { return destroy(libraries, handle); }

SRV_EXPORT Status cublasLtMatmulDescCreate(Description** handle, int compute, int scale) { return create(descriptions, handle, {compute, scale}); }
SRV_EXPORT Status cublasLtMatmulDescDestroy(Description* handle) { return destroy(descriptions, handle); }

SRV_EXPORT Status cublasLtMatmulDescSetAttribute(Description* handle, int attribute, const void* value, size_t bytes) {
    const std::lock_guard hold(driver_lock);
    const auto description = descriptions.find(handle);
    if (!description || !value) return invalid_value;
    switch (attribute) {
        case 2: return assign(description->pointer_mode, value, bytes);
        case 3: return assign(description->transpose_a, value, bytes);
        case 4: return assign(description->transpose_b, value, bytes);
        case 7: return assign(description->epilogue, value, bytes);
        default: return not_supported;
    }
}

SRV_EXPORT Status cublasLtMatrixLayoutCreate(Layout** handle, int type, uint64_t rows, uint64_t columns, int64_t stride) {
    return create(layouts, handle, {type, 0, rows, columns, stride});
}

SRV_EXPORT Status cublasLtMatrixLayoutDestroy(Layout* handle) { return destroy(layouts, handle); }

SRV_EXPORT Status cublasLtMatrixLayoutSetAttribute(Layout* handle, int attribute, const void* value, size_t bytes) {
    const std::lock_guard hold(driver_lock);
    const auto layout = layouts.find(handle);
    if (!layout || !value) return invalid_value;
    switch (attribute) {
        case 0: return assign(layout->type, value, bytes);
        case 1: return assign(layout->order, value, bytes);
        case 2: return assign(layout->rows, value, bytes);
        case 3: return assign(layout->columns, value, bytes);
        case 4: return assign(layout->stride, value, bytes);
        case 5: return assign(layout->batches, value, bytes);
        case 6: return assign(layout->batch_offset, value, bytes);
        default: return not_supported;
    }
}

SRV_EXPORT Status cublasLtMatmulPreferenceCreate(Preference** handle) { return create(preferences, handle, {}); }
SRV_EXPORT Status cublasLtMatmulPreferenceDestroy(Preference* handle) { return destroy(preferences, handle); }

SRV_EXPORT Status cublasLtMatmulPreferenceSetAttribute(Preference* handle, int attribute, const void* value, size_t bytes) {
    const std::lock_guard hold(driver_lock);
    const auto preference = preferences.find(handle);
    if (!preference || !value) return invalid_value;
    switch (attribute) {
        case 1: return assign(preference->workspace, value, bytes);
        case 3: return assign(preference->reductions, value, bytes);
        case 0:                                                       // search mode
        case 5: case 6: case 7: case 8: return bytes == 4 ? ok : invalid_value;  // alignments
        default: return not_supported;
    }
}

SRV_EXPORT Status cublasLtMatmulAlgoGetHeuristic(Library* library, Description* description_handle, Layout* a_handle, Layout* b_handle, Layout* c_handle,
                                                 Layout* d_handle, Preference* preference_handle, int wanted, Heuristic* results, int* found) {
    const std::lock_guard hold(driver_lock);
    const auto description = descriptions.find(description_handle);
    const auto a = layouts.find(a_handle), b = layouts.find(b_handle), c = layouts.find(c_handle), d = layouts.find(d_handle);
    const auto preference = preferences.find(preference_handle);
    if (!libraries.find(library) || !description || !a || !b || !c || !d || !preference || wanted < 1 || !results || !found) return invalid_value;
    *found = 0;
    if (const Status status = fits(*description, *a, *b, *c, *d); status != ok) return status;
    for (const uint32_t id : algorithms) {
        const uint32_t splits = id == split_algorithm ? 2 : 1;
        if (*found == wanted || refuses(id, *d) || (splits > 1 && !wants_splits(*a, *d, *description, *preference))) continue;
        results[(*found)++] = {{algorithm_tag, id, splits, {}}, workspace_of(splits, *d), ok, 1.0f, {}};
    }
    return *found > 0 ? ok : not_supported;
}

SRV_EXPORT Status cublasLtMatmulAlgoCheck(Library* library, Description* description_handle, Layout* a_handle, Layout* b_handle, Layout* c_handle, Layout* d_handle,
                                          const Algorithm* algorithm, Heuristic* result) {
    const std::lock_guard hold(driver_lock);
    const auto description = descriptions.find(description_handle);
    const auto a = layouts.find(a_handle), b = layouts.find(b_handle), c = layouts.find(c_handle), d = layouts.find(d_handle);
    if (!libraries.find(library) || !description || !a || !b || !c || !d || !algorithm || algorithm->tag != algorithm_tag || !result) return invalid_value;
    if (const Status status = fits(*description, *a, *b, *c, *d); status != ok) return status;
    if (refuses(algorithm->id, *d)) return not_supported;
    *result = {*algorithm, workspace_of(algorithm->splits, *d), ok, 1.0f, {}};
    return ok;
}

SRV_EXPORT Status cublasLtMatmulAlgoConfigGetAttribute(const Algorithm* algorithm, int attribute, void* value, size_t bytes, size_t* written) {
    if (!algorithm || algorithm->tag != algorithm_tag) return invalid_value;
    // CUBLASLT_ALGO_CONFIG_ID, SPLITK_NUM, REDUCTION_SCHEME (2: in fp32); the rest of a configuration is 0 here
    const uint32_t answer = attribute == 0 ? algorithm->id : attribute == 2 ? algorithm->splits : attribute == 3 && algorithm->splits > 1 ? 2 : 0;
    if (written) *written = sizeof answer;
    if (bytes == 0) return ok;
    if (!value || bytes < sizeof answer) return invalid_value;
    std::memcpy(value, &answer, sizeof answer);
    return ok;
}

SRV_EXPORT Status cublasLtMatmul(Library* library, Description* description_handle, const void* alpha, uint64_t a, Layout* a_handle, uint64_t b, Layout* b_handle,
                                 const void* beta, uint64_t c, Layout* c_handle, uint64_t d, Layout* d_handle, const Algorithm* algorithm, uint64_t workspace,
                                 size_t workspace_bytes, Stream* stream) {
    std::vector<Gemm> gemms;
    {
        const std::lock_guard hold(driver_lock);
        const auto description = descriptions.find(description_handle);
        const auto a_layout = layouts.find(a_handle), b_layout = layouts.find(b_handle), c_layout = layouts.find(c_handle), d_layout = layouts.find(d_handle);
        if (!libraries.find(library) || !description || !a_layout || !b_layout || !c_layout || !d_layout || !alpha || !beta) return invalid_value;
        if (const Status status = fits(*description, *a_layout, *b_layout, *c_layout, *d_layout); status != ok) return status;
        if (!aligned(a, *a_layout) || !aligned(b, *b_layout) || !aligned(d, *d_layout)) return invalid_value;
        const uint32_t splits = algorithm ? algorithm->splits : 1;
        if ((algorithm && algorithm->tag != algorithm_tag) || splits < 1 || splits > 2) return invalid_value;
        if (algorithm && refuses(algorithm->id, *d_layout)) return not_supported;
        if (splits > 1 && (workspace == 0 || workspace_bytes < workspace_of(splits, *d_layout))) return invalid_value;
        float factors[2];
        std::memcpy(factors, alpha, 4);
        std::memcpy(factors + 1, beta, 4);
        for (int batch = 0; batch < d_layout->batches; batch++) {
            gemms.push_back({matrix(a, *a_layout, batch), matrix(b, *b_layout, batch), matrix(c, *c_layout, batch), matrix(d, *d_layout, batch),
                             description->transpose_a != 0, description->transpose_b != 0, factors[0], factors[1], static_cast<int>(splits)});
        }
    }
    const Result result = take_on(stream, [&](DeviceContext& context, const std::shared_ptr<Stream>& on) {
        const auto launch = std::make_shared<Launch>();
        on->newest = launch;
        return submit(on, [gemms, &context, launch] {
            launch->begin();
            const auto succeeds = [&](const Gemm& gemm) { return execute(gemm, context.device, launch->number) == Result::success; };
            return context.work([&] { return std::all_of(gemms.begin(), gemms.end(), succeeds); }) ? Result::success : Result::illegal_address;
        });
    });
    return result == Result::success ? ok : result == Result::out_of_memory ? alloc_failed : execution_failed;
}
