// The page tables of a step, flat: which slot of the arena holds the token of an ordinal. Attention then takes any 32 ordinals with one load per lane,
// whatever part of its page an entry fills.
//
// Memory: a block per sequence scans the valid lengths of 256 entries at a time; a thread writes its entry's slots.
// Bytes per entry: 8 read, 4 per token written; attention reads 4 bytes per token beside the 4 head_size of its key and value. Operations: a few per entry.
#pragma once
#include "../common/reduce.cuh"

SRV_KERNEL(srv_token_slots, srv_token_slots_params, 256) {
    int* scratch = reinterpret_cast<int*>(ptx::dynamic_shared());
    const int sequences = count_at(p.sequence_count);
    for (int i = static_cast<int>(ptx::block_index()); i < sequences; i += static_cast<int>(ptx::block_count())) {
        const srv_sequence* sequence = at<const srv_sequence>(p.sequences) + i;
        const int first = sequence->first_entry;
        const int entries = sequence->entry_count;
        int* slots = at<int>(p.token_slots) + static_cast<int64_t>(first) * SRV_PAGE_TOKENS;
        int before = 0;
        for (int done = 0; done < entries; done += 256) {
            const int entry = done + static_cast<int>(ptx::thread_index());
            srv_page page = {0, 0};
            if (entry < entries) {
                page = at<const srv_page>(p.entries)[first + entry];
            }

            int total;
            const int end = before + block_scan(page.valid_length, scratch, total);
            for (int slot = 0; slot < page.valid_length; slot++) {
                slots[end - page.valid_length + slot] = page.page * SRV_PAGE_TOKENS + slot;
            }

            before += total;
            ptx::barrier();
        }
    }
}
