using System.Globalization;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Reports;

/// <summary>Reports as files, JSON and Markdown, named after the test and when it began.</summary>
internal static class ReportFiles
{
    /// <summary>Writes them.</summary>
    /// <returns>Their paths.</returns>
    /// <exception cref="ScenarioException">They cannot be written.</exception>
    public static IReadOnlyList<string> Write(string folder, LoadReport report)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var name = Path.Combine(folder, $"{string.Concat(report.Test.Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : '-'))}-{report.Started.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}");
            File.WriteAllBytes(name + ".json", ReportJson.Write(report));
            File.WriteAllText(name + ".md", MarkdownReport.Write(report));
            return [name + ".json", name + ".md"];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ScenarioException($"reports cannot be written to {folder}: {exception.Message}");
        }
    }
}
