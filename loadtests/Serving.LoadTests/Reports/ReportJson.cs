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
            return report is { Schema: LoadReport.CurrentSchema }
                ? report
                : throw new ScenarioException($"{path}: is not of the form {LoadReport.CurrentSchema}");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new ScenarioException($"{path}: is not a report of the form {LoadReport.CurrentSchema}");
        }
    }
}
