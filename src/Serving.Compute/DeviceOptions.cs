using System.Globalization;
using Serving.Compute.Cpu;

namespace Serving.Compute;

/// <summary>What computes.</summary>
public enum DeviceKind
{
    /// <summary>A GPU where there is one, else the native CPU backend where it can run, else the managed one.</summary>
    Auto,

    /// <summary>The native CPU backend or nothing.</summary>
    Cpu,

    /// <summary>A GPU or nothing.</summary>
    Cuda,

    /// <summary>The managed backend.</summary>
    Managed,
}

/// <summary>Which device a model runs on.</summary>
public sealed record DeviceOptions
{
    /// <summary>GPUs of one machine at most.</summary>
    private const int MaxDevices = 64;

    /// <summary>What computes.</summary>
    public DeviceKind Device { get; init; }

    /// <summary>Numbers of the GPUs: one, or several that run the model together, each a part of it.</summary>
    public IReadOnlyList<int> Ordinals { get; init; } = [0];

    /// <summary>On a GPU: the same bits whatever else is in the batch, at some cost. CPU backends always are.</summary>
    public bool Deterministic { get; init; }

    /// <summary>"auto", "avx2", "avx512", "avx512-bf16" or "amx"; "amx-emulated" is for tests.</summary>
    public string CpuIsa { get; init; } = CpuBackendOptions.AutomaticInstructionSet;

    /// <summary>Threads that compute, the engine's included; 0 lets the backend choose.</summary>
    public int Threads { get; init; }

    /// <summary>Reads "auto", "cpu", "cuda", "cuda:1", "cuda:0,1", "cuda:0-3" or "managed".</summary>
    public static bool TryParseDevice(string text, out DeviceKind device, out IReadOnlyList<int> ordinals)
    {
        ArgumentNullException.ThrowIfNull(text);
        const string Numbered = "cuda:";
        device = text switch
        {
            "cpu" => DeviceKind.Cpu,
            "managed" => DeviceKind.Managed,
            _ when text.StartsWith("cuda", StringComparison.Ordinal) => DeviceKind.Cuda,
            _ => DeviceKind.Auto,
        };
        ordinals = [0];
        return text is "auto" or "cpu" or "cuda" or "managed" || (text.StartsWith(Numbered, StringComparison.Ordinal) && TryParseOrdinals(text[Numbered.Length..], out ordinals));
    }

    /// <summary>Numbers and ranges of them, each number once.</summary>
    private static bool TryParseOrdinals(string text, out IReadOnlyList<int> ordinals)
    {
        var found = new List<int>();
        ordinals = found;
        foreach (var part in text.Split(','))
        {
            var dash = part.IndexOf('-', StringComparison.Ordinal);
            if (!TryParseOrdinal(dash < 0 ? part : part[..dash], out var first) || !TryParseOrdinal(part[(dash + 1)..], out var last) || last < first)
            {
                return false;
            }

            for (var ordinal = first; ordinal <= last; ordinal++)
            {
                if (found.Contains(ordinal))
                {
                    return false;
                }

                found.Add(ordinal);
            }
        }

        return true;
    }

    private static bool TryParseOrdinal(string text, out int ordinal) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ordinal) && ordinal < MaxDevices;
}
