using System.Text.Json;
using Serving.LoadTests.Sampling;

namespace Serving.LoadTests.Scenarios;

/// <summary>Reads <c>prompt</c> and <c>output</c>.</summary>
internal static class PromptReader
{
    private const int MaxTokens = ScenarioReader.MaxTokens;

    /// <summary>Reads <c>prompt</c>.</summary>
    public static PromptShape Read(Fields scenario, List<string> errors)
    {
        if (scenario.Value("prompt", optional: false) is not { } element)
        {
            return new PromptShape(new LengthDistribution.Fixed(1), 0, 1, null);
        }

        var fields = new Fields(element, scenario.PathOf("prompt"), errors);
        var prompt = new PromptShape(
            ReadLength(fields, "length", errors),
            fields.Whole("shared_tokens", 0, MaxTokens, 0),
            fields.Whole("groups", 1, 65536, 1),
            fields.Value("modules", optional: true) is { } modules ? ReadModules(new Fields(modules, fields.PathOf("modules"), errors)) : null);
        if (prompt is { Modules: not null, SharedTokens: > 0 })
        {
            fields.Complain("shared_tokens", "not together with modules");
        }

        fields.Done();
        return prompt;
    }

    /// <summary>Reads a length: a number, or an object that says how it is drawn.</summary>
    public static LengthDistribution ReadLength(Fields parent, string name, List<string> errors)
    {
        var element = parent.Value(name, optional: false);
        if (element is null or { ValueKind: JsonValueKind.Number })
        {
            return new LengthDistribution.Fixed(parent.Whole(name, 1, MaxTokens, 1));
        }

        var fields = new Fields(element.Value, parent.PathOf(name), errors);
        LengthDistribution length = fields.Word("kind", ["uniform", "log_normal", "remainder"]) switch
        {
            "log_normal" => new LengthDistribution.LogNormal(
                fields.Number("sigma", 0, 10), fields.Number("loc", -MaxTokens, MaxTokens, 0), fields.Number("scale", 0, MaxTokens), fields.Whole("min", 1, MaxTokens, 1), fields.Whole("max", 1, MaxTokens)),
            "remainder" => new LengthDistribution.Remainder(fields.Whole("below", 1, MaxTokens)),
            _ => new LengthDistribution.Uniform(fields.Whole("min", 1, MaxTokens), fields.Whole("below", 2, MaxTokens)),
        };
        if (length is LengthDistribution.Uniform { Min: var min, Below: var below } && below <= min)
        {
            fields.Complain("below", "must be above min");
        }

        if (length is LengthDistribution.LogNormal { Min: var least, Max: var most } && most < least)
        {
            fields.Complain("max", "must not be below min");
        }

        fields.Done();
        return length;
    }

    private static ModulePrompt ReadModules(Fields fields)
    {
        var modules = new ModulePrompt(fields.Whole("count", 1, 256), fields.Whole("words", 1, 65536), fields.Whole("import", 1, 256), fields.Switch("as_text", false));
        if (modules.Import > modules.Count)
        {
            fields.Complain("import", "must not be above count");
        }

        fields.Done();
        return modules;
    }
}
