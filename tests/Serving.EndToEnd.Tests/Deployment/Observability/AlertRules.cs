using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment.Observability;

/// <summary>deploy/prometheus/rules.yml as it stands.</summary>
internal static class AlertRules
{
    public static string Folder { get; } = Repository.PathOf("deploy", "prometheus");

    public static IReadOnlyList<YamlFile> All { get; } = [.. YamlFile.Read("deploy", "prometheus", "rules.yml")["groups"].Items.SelectMany(group => group["rules"].Items)];

    public static IEnumerable<YamlFile> Alerts => All.Where(rule => rule.Has("alert"));

    /// <summary>Series that rules record, with the labels that their grouping keeps.</summary>
    public static IReadOnlyDictionary<string, string[]> Recorded { get; } = All.Where(rule => rule.Has("record")).ToDictionary(
        rule => rule["record"].Text,
        rule => new PromQuery(rule["expr"].Text).Labels.Where(use => use.Metric is null).Select(use => use.Label).Distinct().ToArray());
}
