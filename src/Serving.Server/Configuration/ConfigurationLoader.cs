using System.Collections;

namespace Serving.Server.Configuration;

/// <summary>What loading the configuration comes to: options, or every error at once.</summary>
/// <param name="Options">The options; meaningful when there are no errors.</param>
/// <param name="Errors">One line each, saying where and what.</param>
internal sealed record ConfigurationResult(ServingOptions Options, IReadOnlyList<string> Errors);

/// <summary>Puts the options together: defaults, then the file, then the environment, then the flags. A later source wins.</summary>
internal static class ConfigurationLoader
{
    private const string VariablePrefix = "SERVING_";

    /// <summary>Reads all sources.</summary>
    /// <param name="file">The configuration file, or null for none.</param>
    /// <param name="environment">The environment's variables.</param>
    /// <param name="flags">Keys given on the command line.</param>
    public static ConfigurationResult Load(string? file, IDictionary environment, IReadOnlyList<(ConfigurationKey Key, IReadOnlyList<string> Texts)> flags)
    {
        var (options, errors) = (new ServingOptions(), new List<string>());
        if (file is not null)
        {
            ApplyFile(file, options, errors);
        }

        ApplyEnvironment(environment, options, errors);
        foreach (var (key, texts) in flags)
        {
            Apply(key, texts, key.Flag, options, errors);
        }

        errors.AddRange(ServingOptionsValidator.Check(options));
        return new ConfigurationResult(options, errors);
    }

    private static void ApplyFile(string file, ServingOptions options, List<string> errors)
    {
        byte[] content;
        try
        {
            content = File.ReadAllBytes(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            errors.Add($"{file}: cannot be read");
            return;
        }

        var formErrors = new List<string>();
        var entries = ConfigurationFile.Parse(content, formErrors);
        errors.AddRange(formErrors.Select(error => $"{file}, {error}"));
        var seen = new HashSet<ConfigurationKey>();
        foreach (var entry in entries)
        {
            var where = $"{file}, line {entry.Line}";
            var key = ConfigurationKeys.All.FirstOrDefault(key => key.Section == entry.Section && key.Name == entry.Name);
            if (key is null)
            {
                var name = $"{entry.Section}.{entry.Name}";
                errors.Add($"{where}: unknown key {name}{Suggestion.For(name, ConfigurationKeys.All.Select(candidate => candidate.FullName))}");
            }
            else if (!seen.Add(key))
            {
                errors.Add($"{where}: {key.FullName} is given twice");
            }
            else
            {
                Apply(key, RelativeTo(file, key, entry.Texts), $"{where}: {key.FullName}", options, errors);
            }
        }
    }

    // A path in the file is meant from the file's folder; one in a flag or variable from the current folder.
    private static IReadOnlyList<string>? RelativeTo(string file, ConfigurationKey key, IReadOnlyList<string>? texts)
    {
        var isPath = key.FullName is "model.model" or "model.adapters" or "model.chat_template" or "prompt_modules.prompt_schemas" or "tenancy.tenants" or "tenancy.secret_file" or "usage.file" or "telemetry.log_file";
        if (!isPath || texts is not [var text])
        {
            return texts;
        }

        var path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, text);
        return key.FullName == "model.model" && !Path.Exists(path) ? texts : [path];
    }

    private static void ApplyEnvironment(IDictionary environment, ServingOptions options, List<string> errors)
    {
        var variables = environment.Keys.OfType<string>()
            .Where(name => name.StartsWith(VariablePrefix, StringComparison.Ordinal) && name.Contains("__", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        foreach (var variable in variables)
        {
            var text = (string)environment[variable]!;
            var key = ConfigurationKeys.All.FirstOrDefault(key => key.Variable == variable);
            if (key is null)
            {
                errors.Add($"unknown variable {variable}{Suggestion.For(variable, ConfigurationKeys.All.Select(candidate => candidate.Variable))}");
            }
            else
            {
                Apply(key, key.IsList ? text.Split(',', StringSplitOptions.TrimEntries) : [text], variable, options, errors);
            }
        }
    }

    private static void Apply(ConfigurationKey key, IReadOnlyList<string>? texts, string where, ServingOptions options, List<string> errors)
    {
        if (!key.TryApply(options, texts))
        {
            errors.Add($"{where}: expected {key.Expected}");
        }
    }
}
