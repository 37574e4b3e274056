using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Engine.Tokenization.Templates;
using Serving.Testing;

namespace Serving.Engine.Tests.Tokenization.Templates;

/// <summary>The tests' own chat templates against npm's @huggingface/jinja, run by node.</summary>
public sealed class HuggingFaceJinjaTests
{
    /// <summary>Where that package is not Jinja2; our result is Jinja2's there, as <see cref="OwnTemplateTests"/> asserts.</summary>
    private static readonly Dictionary<string, string> KnownDifferences = new()
    {
        ["chatml / parts"] = "prints a list as JSON, not as Python",
        ["instruct with merged system / parts"] = "has no filter trim for lists",
        ["headers with tools and date / parts"] = "has no filter trim for lists",
        ["break at the tool / turns"] = "counts UTF-16 units, not code points",
    };

    [Fact]
    public async Task Render_OwnChats_EqualsHuggingFaceJinja()
    {
        var reference = await RenderByNode();
        var differences = new List<string>();
        foreach (var one in TemplateCases.Chats.Values)
        {
            var expected = reference[one.Name]!["output"]?.GetValue<string>();
            var actual = TryRender(one);
            if ((actual == expected) == KnownDifferences.ContainsKey(one.Name))
            {
                differences.Add($"{one.Name}\n  expected {expected}\n  actual   {actual}");
            }
        }

        Assert.Empty(differences);
    }

    private static string? TryRender(TemplateCase one)
    {
        try
        {
            return ChatTemplate.Parse(one.Template).Render(TemplateRun.Input(one.Variables));
        }
        catch (ChatTemplateException)
        {
            return null;
        }
    }

    private static async Task<JsonNode> RenderByNode()
    {
        var folder = TemplateCases.Folder("node");
        if (!Directory.Exists(Path.Combine(folder, "node_modules", "@huggingface", "jinja")))
        {
            var install = await Run(OperatingSystem.IsWindows() ? "npm.cmd" : "npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, null);
            Repository.Requires(install is not null, "npm cannot install @huggingface/jinja here");
        }

        var cases = TemplateCases.Chats.Values.Select(c => new { name = c.Name, template = c.Template, variables = c.Variables });
        var output = await Run("node", ["render.mjs"], folder, JsonSerializer.Serialize(cases));
        Repository.Requires(output is not null, "node is not here");
        return JsonNode.Parse(output!)!;
    }

    /// <summary>What the program wrote; null when it is not installed or failed.</summary>
    private static async Task<string?> Run(string program, string[] arguments, string folder, string? input)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using var process = Process.Start(start)!;
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEndAsync();
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            await process.WaitForExitAsync();
            await error;
            return process.ExitCode == 0 ? await output : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
