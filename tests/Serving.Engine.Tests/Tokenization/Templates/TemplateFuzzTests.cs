using Serving.Engine.Tokenization.Templates;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization.Templates;

/// <summary>Broken templates: whatever the bytes, only <see cref="ChatTemplateException"/> leaves the parser and the renderer.</summary>
public sealed class TemplateFuzzTests
{
    private const int Mutants = 20_000;

    /// <summary>Pieces that the grammar turns on, spliced into templates beside random characters.</summary>
    private static readonly string[] Pieces =
    [
        "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "{%-", "-%}", "(", ")", "[", "]", "{", "}", "|", ".", ":", ",", "=", "~", "**", "//", "%", "'", "\"", "\\",
        " if ", " else ", " for ", " in ", " is ", " not ", " and ", " or ", "endif", "endfor", "set", "macro", "call", "endcall", "raw", "endraw", "none",
        "namespace", "loop", "messages", "range(9)", "[::-1]", "|list", "|tojson", "|map('upper')", "|sort", ".format(", ".items()", "0x", "1e9", "\n", "😀",
    ];

    [Fact]
    public void ParseAndRender_MutatedTemplates_OnlyTypedErrorsEscape()
    {
        var seeds = TemplateCases.Features.Values.Concat(TemplateCases.Chats.Values).ToArray();
        Fuzz(seeds.Select(c => c.Template).ToArray(), at => seeds[at].Variables);
    }

    /// <summary>One expression each, so that a mutant that parses is evaluated too.</summary>
    [Fact]
    public void ParseAndRender_MutatedExpressions_OnlyTypedErrorsEscape()
    {
        var seeds = TemplateCases.Features.Values.SelectMany(c => c.Template.Split('\n').Select(line => (Line: line, c.Variables))).ToArray();
        Fuzz(seeds.Select(s => s.Line).ToArray(), at => seeds[at].Variables);
    }

    [Fact]
    public void ParseAndRender_MutatedRealTemplates_OnlyTypedErrorsEscape()
    {
        var files = Directory.GetFiles(Repository.SharedData("tokenizers", "chat-templates", "llama.cpp"), "*.jinja").Order(StringComparer.Ordinal).ToArray();
        var conversations = TemplateCases.Chats.Values.ToArray();
        Fuzz(Array.ConvertAll(files, File.ReadAllText), at => conversations[at % conversations.Length].Variables);
    }

    private static void Fuzz(string[] templates, Func<int, System.Text.Json.JsonElement> variables)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var i = 0; i < Mutants; i++)
        {
            var at = random.Next(templates.Length);
            var mutant = Mutate(templates[at], templates[random.Next(templates.Length)], random);
            var error = Record.Exception(() => ChatTemplate.Parse(mutant).Render(TemplateRun.Input(variables(at))));
            Assert.True(error is null or ChatTemplateException, $"seed {seed}, mutant {i}: {error}\n{mutant}");
        }
    }

    private static string Mutate(string template, string other, Random random)
    {
        for (var changes = random.Next(1, 6); changes > 0; changes--)
        {
            var from = random.Next(template.Length + 1);
            var to = Math.Min(template.Length, from + random.Next(8));
            var piece = random.Next(5) switch
            {
                0 => string.Empty,
                1 => ((char)random.Next(1, 0x10000)).ToString(),
                2 => Cut(other, random),
                _ => Pieces[random.Next(Pieces.Length)],
            };
            template = template[..from] + piece + template[to..];
        }

        return template;
    }

    private static string Cut(string text, Random random)
    {
        var from = random.Next(text.Length + 1);
        return text.Substring(from, random.Next(Math.Min(40, text.Length - from) + 1));
    }
}
