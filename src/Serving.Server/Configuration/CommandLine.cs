using System.CommandLine;

namespace Serving.Server.Configuration;

/// <summary>What was asked for on the command line.</summary>
internal sealed record CommandLineRequest
{
    /// <summary>--config, or null for the bundled file.</summary>
    public string? ConfigFile { get; init; }

    /// <summary>--check-config: say whether the configuration is good, and end.</summary>
    public bool CheckConfig { get; init; }

    /// <summary>--print-config: write the configuration in effect, and end.</summary>
    public bool PrintConfig { get; init; }

    /// <summary>Keys that were given as flags.</summary>
    public IReadOnlyList<(ConfigurationKey Key, IReadOnlyList<string> Texts)> Flags { get; init; } = [];

    /// <summary>What could not be understood, to be reported together with everything else that is wrong.</summary>
    public IReadOnlyList<string> Errors { get; init; } = [];
}

/// <summary>The command line, made from the table of keys. --help and --version are System.CommandLine's.</summary>
internal static class CommandLine
{
    /// <summary>Parses and, unless help or the version was asked for, runs.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="run">What to do with them.</param>
    /// <param name="others">Commands other than to serve.</param>
    /// <returns>The exit code.</returns>
    public static Task<int> InvokeAsync(string[] args, Func<CommandLineRequest, Task<int>> run, params IEnumerable<Command> others)
    {
        var config = new Option<string?>("--config") { Description = "Configuration file. Default: config/serving.json beside the program.", HelpName = "FILE" };
        var check = new Option<bool>("--check-config") { Description = "Check the configuration, report every error, and end." };
        var print = new Option<bool>("--print-config") { Description = "Print the configuration in effect, every key with its explanation, and end." };
        var command = new RootCommand("Serves one base model to many tenants, each with LoRA adapters of its own, over the OpenAI API.") { config, check, print };
        var options = ConfigurationKeys.All.ToDictionary(key => key, ToOption);
        foreach (var option in options.Values)
        {
            command.Add(option);
        }

        foreach (var other in others)
        {
            command.Add(other);
        }

        CommandLineRequest Read(ParseResult parsed) => new()
        {
            ConfigFile = parsed.GetResult(config) is { Errors: var errors } && !errors.Any() ? parsed.GetValue(config) : null,
            CheckConfig = parsed.GetValue(check),
            PrintConfig = parsed.GetValue(print),
            Flags = [.. options
                .Where(pair => parsed.GetResult(pair.Value) is { Implicit: false, Errors: var errors } && !errors.Any())
                .Select(pair => (pair.Key, Texts(pair.Key, parsed.GetValue(pair.Value))))],
            Errors = Complaints(parsed, [.. options.Values.Select(option => option.Name), config.Name, check.Name, print.Name]),
        };

        command.SetAction((parsed, _) => run(Read(parsed)));

        // Signals are the daemon's own affair: it drains.
        var result = command.Parse(args);
        return result.Errors.Count > 0 && result.CommandResult.Command == command ? run(Read(result)) : result.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
    }

    private static IReadOnlyList<string> Complaints(ParseResult parsed, IReadOnlyList<string> names)
    {
        var unknown = parsed.UnmatchedTokens.Select(token => $"unknown flag {token}{Suggestion.For(token, names)}");
        var wrong = parsed.Errors.Select(error => error.Message).Where(message => !parsed.UnmatchedTokens.Any(token => message.Contains($"'{token}'", StringComparison.Ordinal)));
        return [.. unknown, .. wrong];
    }

    private static Option<string[]> ToOption(ConfigurationKey key) => new(key.Flag)
    {
        Description = key.Help,
        HelpName = key.IsSwitch ? "true|false" : key.Name.ToUpperInvariant(),
        Arity = key.IsSwitch ? ArgumentArity.ZeroOrOne : key.IsList ? ArgumentArity.OneOrMore : ArgumentArity.ExactlyOne,
        AllowMultipleArgumentsPerToken = false,
        CustomParser = result => [.. result.Tokens.Select(token => token.Value)],
    };

    private static IReadOnlyList<string> Texts(ConfigurationKey key, string[]? values) => key.IsSwitch && values is null or [] ? ["true"] : values ?? [];
}
