using System.Text.Json;
using System.Text.Json.Serialization;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Reports;

/// <summary>Reports as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, MaxDepth = 16)]
[JsonSerializable(typeof(LoadReport), TypeInfoPropertyName = "Report")]
internal sealed partial class ReportJson : JsonSerializerContext
{
    /// <summary>Largest report that is read, bytes.</summary>
    public const int MaxBytes = 256 << 20;

    /// <summary>Writes one.</summary>
    public static byte[] Write(LoadReport report) => JsonSerializer.SerializeToUtf8Bytes(report, Default.Report);

    /// <summary>Reads one.</summary>
    /// <exception cref="ScenarioException">It is not a report of this version.</exception>
    public static LoadReport Read(ReadOnlySpan<byte> utf8, string path)
    {
        try
        {
            var report = JsonSerializer.Deserialize(utf8, Default.Report);
            return report is { Schema: LoadReport.CurrentSchema } && IsWhole(report)
                ? report
                : throw new ScenarioException($"{path}: is not of the form {LoadReport.CurrentSchema}");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new ScenarioException($"{path}: is not a report of the form {LoadReport.CurrentSchema}");
        }
    }

    // The reader refuses null for what must be there, and not as an element of a list.
    private static bool IsWhole(LoadReport report) =>
        report.Phases.All(phase => phase is not null && phase.GeneratorFaults.All(fault => fault is not null) && phase.Scenarios.All(scenario => scenario is not null && scenario.Models.All(model => model is not null)))
        && report.Thresholds.All(threshold => threshold is not null)
        && report.GeneratorFaults.All(fault => fault is not null);
}
