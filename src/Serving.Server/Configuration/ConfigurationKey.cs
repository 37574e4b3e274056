namespace Serving.Server.Configuration;

/// <summary>One thing that can be configured: by file, by environment and by flag.</summary>
internal sealed class ConfigurationKey
{
    private readonly Func<ServingOptions, IReadOnlyList<string>?, bool> _apply;
    private readonly Func<ServingOptions, string> _json;
    private readonly string? _flag;

    private ConfigurationKey(
        string section,
        string name,
        string help,
        string expected,
        Func<ServingOptions, IReadOnlyList<string>?, bool> apply,
        Func<ServingOptions, string> json,
        string? flag = null)
    {
        Section = section;
        Name = name;
        Help = help;
        Expected = expected;
        _apply = apply;
        _json = json;
        _flag = flag;
    }

    /// <summary>The object of <c>serving.json</c> that it stands in.</summary>
    public string Section { get; }

    /// <summary>Its name there, in snake_case.</summary>
    public string Name { get; }

    /// <summary>What it is for, with its unit.</summary>
    public string Help { get; }

    /// <summary>What is accepted, in words.</summary>
    public string Expected { get; }

    /// <summary>True when several values may be given.</summary>
    public bool IsList { get; private init; }

    /// <summary>True when the bare flag means true.</summary>
    public bool IsSwitch { get; private init; }

    /// <summary>Section and name together.</summary>
    public string FullName => $"{Section}.{Name}";

    /// <summary>Its flag: its name, unless that says too little without its section.</summary>
    public string Flag => _flag ?? "--" + Name.Replace('_', '-');

    /// <summary>Its environment variable.</summary>
    public string Variable => $"SERVING_{Section.ToUpperInvariant()}__{Name.ToUpperInvariant()}";

    /// <summary>A key with one value.</summary>
    public static ConfigurationKey Of<T>(
        string section,
        string name,
        SettingKind<T> kind,
        Func<ServingOptions, T> get,
        Action<ServingOptions, T> set,
        string help,
        string? flag = null)
    {
        // Null in the file means the default, whatever that is.
        bool Apply(ServingOptions options, IReadOnlyList<string>? texts)
        {
            if (texts is null)
            {
                set(options, get(new ServingOptions()));
                return true;
            }

            var (ok, value) = texts.Count == 1 ? kind.Parse(texts[0]) : (false, default!);
            if (ok)
            {
                set(options, value);
            }

            return ok;
        }

        return new ConfigurationKey(section, name, help, kind.Expected, Apply, options => kind.ToJson(get(options)), flag) { IsSwitch = typeof(T) == typeof(bool) };
    }

    /// <summary>A key with a list of texts.</summary>
    public static ConfigurationKey OfList(
        string section,
        string name,
        Func<ServingOptions, IReadOnlyList<string>> get,
        Action<ServingOptions, IReadOnlyList<string>> set,
        string help)
    {
        bool Apply(ServingOptions options, IReadOnlyList<string>? texts)
        {
            var ok = texts is null || texts.All(text => text.Length > 0);
            if (ok)
            {
                set(options, texts ?? []);
            }

            return ok;
        }

        string Json(ServingOptions options) => $"[{string.Join(", ", get(options).Select(text => SettingKinds.Text.ToJson(text)))}]";
        return new ConfigurationKey(section, name, help, "a text or a list of texts", Apply, Json) { IsList = true };
    }

    /// <summary>Sets the option from text; null restores the default. False when the text is not accepted.</summary>
    public bool TryApply(ServingOptions options, IReadOnlyList<string>? texts) => _apply(options, texts);

    /// <summary>The option's value as JSON.</summary>
    public string ToJson(ServingOptions options) => _json(options);
}
