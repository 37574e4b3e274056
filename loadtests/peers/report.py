"""Ratios of ours to each peer, scenario by scenario. Above 1 is ours faster."""
import statistics

FIGURES = {
    "tokens/s": lambda measured: measured.tokens_per_second,
    "first token": lambda measured: 1 / statistics.median(answer.first_text for answer in measured.answers),
    "between tokens": lambda measured: 1 / statistics.median(answer.between_tokens for answer in measured.answers),
    "processor time": lambda measured: sum(answer.tokens for answer in measured.answers) / measured.server_processor_seconds,
}


def line(scenario, server, measured):
    """One measurement as a line of text."""
    first = sorted(answer.first_text for answer in measured.answers)
    between = statistics.median(answer.between_tokens for answer in measured.answers)
    return (f"  {scenario.name:36} {server.name:26} {measured.tokens_per_second:7.0f} tokens/s  first token {1e3 * statistics.median(first):7.1f} ms"
            f" (last {1e3 * first[-1]:7.1f})  then every {1e3 * between:6.2f} ms  prompt {max(answer.prompt_tokens or 0 for answer in measured.answers):4}"
            f"  processors: server {measured.server_processor_seconds / measured.seconds:.2f}, load {measured.own_processor_seconds / measured.seconds:.2f}")


def ratios(rounds, ours, peer):
    """A table in Markdown. rounds holds {(scenario, server name): Measurement} of each round."""
    rows = [f"| ours / {peer} | " + " | ".join(FIGURES) + " |", "|---|" + "---|" * len(FIGURES)]
    for scenario in dict.fromkeys(name for measured in rounds for name, _ in measured):
        cells = []
        for figure in FIGURES.values():
            values = sorted(figure(measured[scenario, ours]) / figure(measured[scenario, peer]) for measured in rounds)
            cells.append(f"{statistics.median(values):.2f} ({values[0]:.2f} – {values[-1]:.2f})")
        rows.append(f"| {scenario} | " + " | ".join(cells) + " |")
    return "\n".join(rows)
