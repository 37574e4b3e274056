#include "plan.h"

namespace serving {
namespace {

int divide_up(int a, int b) { return (a + b - 1) / b; }

void plan_adapters(Engine& engine, StepJob& job) {
    const srv_step& step = *job.step;
    int32_t* by_row = engine.row_slots;
    for (int i = 0; i < step.segment_count; i++) {
        const srv_segment& segment = step.segments[i];
        job.parts |= segment.adapter_slot >= 0 ? engine.slots[segment.adapter_slot].parts : 0;
        for (int r = 0; r < segment.row_count; r++) {
            by_row[segment.first_row + r] = segment.adapter_slot;
        }
    }

    int32_t* by_output = by_row + engine.limits.max_rows;
    for (int i = 0; i < step.output_count; i++) {
        by_output[i] = by_row[step.outputs[i].row];
        if (i > 0 && by_output[i] == by_output[i - 1]) {
            engine.output_segments[job.output_segment_count - 1].row_count++;
        } else {
            engine.output_segments[job.output_segment_count++] = srv_segment{i, 1, by_output[i]};
        }
    }
}

int tasks_of(const Engine& engine, const srv_sequence& sequence) {
    return engine.program.kv_head_count * divide_up(sequence.row_count * engine.group, kAttentionRows);
}

// Few tasks over long contexts are given out split by split. That changes who computes a split, never what it is.
void plan_attention(Engine& engine, StepJob& job) {
    const srv_step& step = *job.step;
    int total = 0;
    for (int i = 0; i < step.sequence_count; i++) {
        total += tasks_of(engine, step.sequences[i]);
    }

    const bool few = engine.pool.count() > 1 && total < 2 * engine.pool.count();
    int partial = 0;
    for (int i = 0; i < step.sequence_count; i++) {
        const srv_sequence& sequence = step.sequences[i];
        const int packed = sequence.row_count * engine.group;
        for (int head = 0; head < engine.program.kv_head_count; head++) {
            for (int first = 0; first < packed; first += kAttentionRows) {
                const int rows = packed - first < kAttentionRows ? packed - first : kAttentionRows;
                const int last = sequence.first_ordinal + (first + rows - 1) / engine.group;
                const int splits = last / kSplit + 1;
                if (!few || splits == 1 || partial + splits > engine.partial_capacity) {
                    engine.tasks[job.task_count++] = AttentionTask{i, head, first, rows, 0, splits, -1};
                    continue;
                }

                engine.merges[job.merge_count++] = AttentionTask{i, head, first, rows, 0, splits, partial};
                for (int split = 0; split < splits; split++) {
                    engine.tasks[job.task_count++] = AttentionTask{i, head, first, rows, split, 1, partial++};
                }
            }
        }
    }
}

// Pages are given out from the lowest on: the highest that a step writes is how far the arena is in use.
void prefault_ahead(Engine& engine, const StepJob& job) {
    int32_t highest = 0;
    for (int row = 0; row < job.step->row_count; row++) {
        highest = job.step->append_pages[row] > highest ? job.step->append_pages[row] : highest;
    }

    for (int i = 0; i < job.step->state_page_count; i++) {
        highest = job.step->state_pages[i] > highest ? job.step->state_pages[i] : highest;
    }

    engine.prefaulter.reach(static_cast<size_t>(highest + 1) * static_cast<size_t>(engine.limits.page_bytes));
}

}  // namespace

void plan_step(Engine& engine, StepJob& job) {
    prefault_ahead(engine, job);
    plan_adapters(engine, job);
    plan_attention(engine, job);
}

}  // namespace serving
