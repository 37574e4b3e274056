using System.Globalization;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>A systemd unit of deploy/systemd as settings by name.</summary>
internal sealed class UnitFile
{
    private readonly List<(string Name, string Value)> _settings;

    public UnitFile(params string[] path) => _settings =
    [
        .. File.ReadLines(Repository.PathOf(["deploy", "systemd", .. path]))
            .Where(line => line.Contains('=', StringComparison.Ordinal) && !line.StartsWith('#'))
            .Select(line => (line[..line.IndexOf('=', StringComparison.Ordinal)], line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..])),
    ];

    /// <summary>The one value of a setting.</summary>
    public string this[string name] => Assert.Single(_settings, setting => setting.Name == name).Value;

    /// <summary>Variables that the unit sets.</summary>
    public Dictionary<string, string> Environment => _settings.Where(setting => setting.Name == "Environment")
        .Select(setting => setting.Value.Split('=', 2))
        .ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>A setting in bytes, with systemd's suffixes.</summary>
    public long Bytes(string name)
    {
        var value = this[name];
        return long.Parse(value[..^1], CultureInfo.InvariantCulture) << (value[^1] == 'G' ? 30 : value[^1] == 'M' ? 20 : throw new FormatException(value));
    }
}
