using System.Text.Json;

namespace Serving.LoadTests.Scenarios;

/// <summary>Reads <c>models</c>.</summary>
internal static class ModelChoiceReader
{
    private static readonly string[] Words = ["uniform", "power", "identical", "groups", "skewed", "distinct"];

    /// <summary>Reads it, or the base model alone where it is not there.</summary>
    public static ModelChoice Read(Fields scenario, List<string> errors)
    {
        if (scenario.Value("models", optional: true) is not { } element)
        {
            return new ModelChoice(ModelSource.Base, [], null, null, Popularity.Uniform, 1);
        }

        var fields = new Fields(element, scenario.PathOf("models"), errors);
        var names = fields.List("names", optional: true).Select(name => name.ValueKind == JsonValueKind.String ? name.GetString()! : "").ToList();
        var source = names.Count > 0 ? ModelSource.Names : fields.Word("from", ["base", "adapters"], "base") == "adapters" ? ModelSource.Adapters : ModelSource.Base;
        if (names.Any(name => name.Length is 0 or > 256) || names.Count > 65536 || (names.Count > 0 && fields.Has("from")))
        {
            fields.Complain("names", "must be a list of models' names, and not stand together with from");
        }

        var choice = new ModelChoice(
            source,
            names,
            fields.Has("prefix") ? fields.Text("prefix") : null,
            fields.Has("count") ? fields.Whole("count", 1, 65536) : null,
            (Popularity)Array.IndexOf(Words, fields.Word("popularity", Words, "uniform")),
            fields.Number("alpha", 0.001, 100, 1));
        fields.Done();
        return choice;
    }
}
